"""A situation in which every check passes, and how to change one thing of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from rules.context import VMContext
from rules.disks import (
    CompletedSync,
    DisksMode,
    Firmware,
    GuestFamily,
    ReplicatedDisk,
    ReplicationFacts,
    VolumeFacts,
)
from rules.judgement import judge
from rules.nics import NicSource, SourceVm
from rules.policy import FailoverPolicy
from rules.preflight import Check
from rules.request import UnifiedFailoverConfig, parse_request
from rules.situation import Situation
from rules.source_power import PowerState, SourcePower
from rules.storage_facts import PoolFacts, QuotaFact, StorageFacts

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
APPLIANCE = "aaaaaaaa-0000-4000-8000-0000000000aa"
CLUSTER = "eeeeeeee-0000-4000-8000-0000000000ee"
ZONE = "ffffffff-0000-4000-8000-0000000000ff"
DOMAIN = "11111111-0000-4000-8000-000000000011"
POOL = "bbbbbbbb-0000-4000-8000-0000000000bb"
GB = 1024**3
SYNC = CompletedSync(job_id="job-7", completed_at=NOW - timedelta(minutes=15))


def volume_id(number: int) -> str:
    return f"cccccccc-0000-4000-8000-{number:012}"


def disk(number: int = 0, **values: Any) -> ReplicatedDisk:  # noqa: ANN401 - whatever the field takes
    """The disk ``disk-200<number>`` at that unit, on a volume of its own."""
    known: dict[str, Any] = {
        "disk_id": f"disk-{2000 + number}",
        "label": f"Hard disk {number + 1}",
        "unit_number": number,
        "size_gb": 10,
        "volume_id": volume_id(number),
        "sync": SYNC,
    }
    return ReplicatedDisk(**known | values)


def volume(number: int = 0, **values: Any) -> VolumeFacts:  # noqa: ANN401 - whatever the field takes
    """That disk's volume, at the appliance."""
    known: dict[str, Any] = {
        "volume_id": volume_id(number),
        "vm_id": APPLIANCE,
        "device_id": number + 1,
        "storage_id": POOL,
        "state": "Ready",
        "size_bytes": 10 * GB,
        "account": "dr",
        "domain_id": DOMAIN,
        "zone_id": ZONE,
    }
    return VolumeFacts(**known | values)


def replication(*disks: ReplicatedDisk, **values: Any) -> ReplicationFacts:  # noqa: ANN401 - as above
    known: dict[str, Any] = {
        "disks": disks or (disk(0), disk(1)),
        "appliance_vm_id": APPLIANCE,
        "scheduler_enabled": True,
        "firmware": Firmware.BIOS,
        "guest": GuestFamily.LINUX,
    }
    return ReplicationFacts(**known | values)


def storage(**values: Any) -> StorageFacts:  # noqa: ANN401 - whatever the field takes
    known: dict[str, Any] = {
        "volumes": (volume(0), volume(1)),
        "appliance_state": "Running",
        "hypervisor": "KVM",
        "pools": (pool(),),
        "quota": (QuotaFact(resource="user_vm", available=5),),
        "snapshot_of_running_allowed": True,
        "max_data_disks": 6,
        "owner_account": "dr",
        "owner_domain_id": DOMAIN,
        "zone_id": ZONE,
    }
    return StorageFacts(**known | values)


def pool(**values: Any) -> PoolFacts:  # noqa: ANN401 - whatever the field takes
    known: dict[str, Any] = {
        "storage_id": POOL,
        "name": "ps1",
        "managed": False,
        "scope": "CLUSTER",
        "cluster_id": CLUSTER,
        "total_bytes": 100 * GB,
        "used_bytes": 20 * GB,
        "allocated_bytes": 90 * GB,
    }
    return PoolFacts(**known | values)


def request(kind: str, **fields: object) -> UnifiedFailoverConfig:
    return parse_request({"context_id": "ctx", "failover_type": kind, **fields})


def situation(kind: str = "live", fields: dict[str, object] | None = None, **values: Any) -> Situation:  # noqa: ANN401
    """What is known when nothing is wrong.

    Args:
        kind: live or test.
        fields: Of the request, besides.
        values: What is otherwise.
    """
    known: dict[str, Any] = {
        "config": request(kind, **(fields or {})),
        "context": VMContext(
            context_id="ctx",
            vm_name="pgtest1",
            vmware_vm_id="uuid",
            vcenter_host="vcenter",
            datacenter="DC1",
            cpu_count=2,
            memory_mb=4096,
        ),
        "source": SourceVm(source=NicSource.VMA, nics=()),
        "policy": policy(),
        "replication": replication(),
        "storage": storage(),
        "power": None
        if kind == "test"
        else SourcePower(state=PowerState.ON, tools_status="toolsOk", observed_at=NOW),
        "now_seconds": NOW.timestamp(),
    }
    return Situation(**known | values)


def policy(**values: Any) -> FailoverPolicy:  # noqa: ANN401 - whatever the field takes
    known: dict[str, Any] = {"disks": DisksMode.REPLICATED, "replication_configured": True}
    return FailoverPolicy(**known | values)


def check_of(known: Situation, name: str) -> Check:
    """The one check of this name."""
    (found,) = (check for check in judge(known).checks if check.name == name)
    return found
