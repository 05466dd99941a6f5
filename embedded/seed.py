"""The sample VMs of the demo and of the tests, as the database knows them.

``pgtest1`` has a live and a test mapping for both its NICs, ``pgtest2`` has none, ``pgtest3`` has both for
its first NIC only. Ids of the cloud and of the vCenter come as arguments: whoever runs the stack has them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select

from database import CredentialCipher, Database
from database.crypto import PLAIN_PREFIX
from database.tables import (
    network_mappings,
    ossea_configs,
    vm_replication_contexts,
    vmware_credentials,
)
from embedded.row_writer import RowWriter
from embedded.seed_disks import SampleDisk, add_disks, add_sync

PGTEST1_CONTEXT = "ctx-pgtest1-20250922-210037"
PGTEST2_CONTEXT = "ctx-pgtest2-20250922-211502"
PGTEST3_CONTEXT = "ctx-pgtest3-20250923-084410"

VM_NETWORK = "VM Network"
DMZ_NETWORK = "DMZ Network"
BACKUP_NETWORK = "Backup Network"

_SYNCED_BEFORE = timedelta(minutes=10)


@dataclass(frozen=True)
class SampleVm:
    """What VMware knows of a sample VM.

    Attributes:
        vmware_vm_id: Its uuid.
        macs: One per NIC, in device order.
        memory_mb: In MiB.
        disks: With their replicas.
    """

    vmware_vm_id: str
    macs: Sequence[str]
    cpu_count: int = 2
    memory_mb: int = 4096
    os_type: str = "linux"
    disks: Sequence[SampleDisk] = (SampleDisk("disk-2000", "", 40, 0),)


@dataclass(frozen=True)
class SampleSite:
    """The cloud and the vCenter that the sample VMs belong to.

    Attributes:
        api_url: CloudStack's API endpoint.
        zone: Uuid or name.
        appliance_vm_id: The VM that the replicas hang on; empty where there is none.
    """

    api_url: str
    api_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    zone: str
    template_id: str
    service_offering_id: str
    default_network_id: str
    prod_lan_id: str
    prod_dmz_id: str
    test_lan_id: str
    test_dmz_id: str
    vcenter_host: str
    vcenter_username: str
    vcenter_password: str = field(repr=False)
    datacenter: str
    pgtest1: SampleVm
    pgtest2: SampleVm
    pgtest3: SampleVm
    appliance_vm_id: str = ""


async def seed_sample(
    database: Database, site: SampleSite, *, now: datetime, cipher: CredentialCipher | None = None
) -> bool:
    """Write the sample rows, in either schema generation, unless they are there.

    Args:
        database: Migrated and open.
        site: Ids of the cloud and of the vCenter.
        now: When the source VMs were last seen (UTC).
        cipher: Encrypts the secrets as an appliance does; without it they are stored as plain text, the way
            that an appliance without encryption does it.

    Returns:
        Whether anything was written.
    """
    async with database.write() as connection:
        there = select(vm_replication_contexts.c.context_id).where(
            vm_replication_contexts.c.context_id == PGTEST1_CONTEXT
        )
        if (await connection.execute(there)).first() is not None:
            return False
        writer = RowWriter(database, connection)
        config_id = await writer.add(ossea_configs, _config(site, cipher))
        credential_id = await writer.add(vmware_credentials, _credential(site, cipher))
        lan = (VM_NETWORK, (site.prod_lan_id, "prod-lan"), (site.test_lan_id, "test-lan"))
        dmz = (DMZ_NETWORK, (site.prod_dmz_id, "prod-dmz"), (site.test_dmz_id, "test-dmz"))
        for context_id, name, vm, networks, mapped in (
            (PGTEST1_CONTEXT, "pgtest1", site.pgtest1, (VM_NETWORK, DMZ_NETWORK), (lan, dmz)),
            (PGTEST2_CONTEXT, "pgtest2", site.pgtest2, (VM_NETWORK,), ()),
            (PGTEST3_CONTEXT, "pgtest3", site.pgtest3, (VM_NETWORK, BACKUP_NETWORK), (lan,)),
        ):
            await writer.add(
                vm_replication_contexts,
                {
                    "context_id": context_id,
                    "vm_name": name,
                    "vmware_vm_id": vm.vmware_vm_id,
                    "vm_path": f"/{site.datacenter}/vm/{name}",
                    "vcenter_host": site.vcenter_host,
                    "datacenter": site.datacenter,
                    "current_status": "ready_for_failover",
                    "cpu_count": vm.cpu_count,
                    "memory_mb": vm.memory_mb,
                    "os_type": vm.os_type,
                    "scheduler_enabled": 1,
                    "credential_id": credential_id,
                    "ossea_config_id": config_id,
                },
            )
            await add_disks(
                writer, context_id, vm.disks, config_id=config_id, of_vm=_on_every_disk(vm, networks, now)
            )
            disk_ids = [disk.disk_id for disk in vm.disks if disk.volume_id]
            if disk_ids:
                await add_sync(
                    writer,
                    connection,
                    context_id,
                    disk_ids,
                    job_id=f"job-{name}-1",
                    ended_at=now - _SYNCED_BEFORE,
                )
            for source, *pair in mapped:
                for is_test, (network_id, network_name) in enumerate(pair):
                    await writer.add(
                        network_mappings,
                        {
                            "vm_context_id": context_id,
                            "vm_id": vm.vmware_vm_id,
                            "source_network_name": source,
                            "destination_network_id": network_id,
                            "destination_network_name": network_name,
                            "is_test_network": is_test,
                            "is_production_network": 1 - is_test,
                            "network_strategy": "test" if is_test else "production",
                        },
                    )
    return True


def _config(site: SampleSite, cipher: CredentialCipher | None) -> dict[str, object]:
    return {
        "name": "sample-cloud",
        "api_url": site.api_url,
        "api_key": site.api_key if cipher is None else cipher.encrypt(site.api_key),
        "secret_key": site.secret_key if cipher is None else cipher.encrypt(site.secret_key),
        "zone": site.zone,
        "template_id": site.template_id,
        "network_id": site.default_network_id,
        "service_offering_id": site.service_offering_id,
        "oma_vm_id": site.appliance_vm_id,
        "is_active": 1,
    }


def _credential(site: SampleSite, cipher: CredentialCipher | None) -> dict[str, object]:
    password = site.vcenter_password
    return {
        "credential_name": "sample-vcenter",
        "vcenter_host": site.vcenter_host,
        "username": site.vcenter_username,
        "password_encrypted": PLAIN_PREFIX + password if cipher is None else cipher.encrypt(password),
        "datacenter": site.datacenter,
        "is_active": 1,
        "is_default": 1,
    }


def _on_every_disk(vm: SampleVm, networks: Sequence[str], now: datetime) -> dict[str, object]:
    """Return what replication keeps of a VM on its disk rows: the NICs as the VMA gave them."""
    nics = [
        {
            "label": f"Network adapter {number}",
            "network_name": network,
            "adapter_type": "vmxnet3",
            "mac_address": mac,
            "connected": True,
            "type": "",
        }
        for number, (network, mac) in enumerate(zip(networks, vm.macs, strict=True), start=1)
    ]
    return {
        "cpu_count": vm.cpu_count,
        "memory_mb": vm.memory_mb,
        "os_type": vm.os_type,
        "power_state": "poweredOn",
        "network_config": json.dumps(nics),
        "created_at": now,
        "updated_at": now,
    }
