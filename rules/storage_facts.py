"""What CloudStack says of disks, pools, quota and appliance before anything is changed."""

from rules.disks import VolumeFacts
from rules.models import Record


class PoolFacts(Record):
    """A storage pool that a disk is on, or that a clone may land on. Sizes in bytes; None when not readable.

    Attributes:
        managed: Such a pool forbids the root swap (cloudstack-api.md, section 3).
    """

    storage_id: str
    name: str = ""
    managed: bool | None = None
    scope: str = ""
    cluster_id: str = ""
    total_bytes: int | None = None
    used_bytes: int | None = None
    allocated_bytes: int | None = None


class QuotaFact(Record):
    """What the owner may still have of one resource; ``available`` is None for unlimited.

    Attributes:
        resource: CloudStack's type: ``user_vm``, ``volume``, ``snapshot``, ``cpu``, ``memory`` (MiB),
            ``primary_storage`` and ``secondary_storage`` (GiB).
    """

    resource: str
    available: int | None = None


class StorageFacts(Record):
    """What CloudStack says. What the key may not read is None and named in ``unreadable``.

    Attributes:
        appliance_state: State of the appliance's VM; empty when CloudStack has no such VM.
        appliance_vm_snapshots: Names of its VM snapshots: each blocks attach and detach.
        hypervisor: The appliance's, ``KVM`` say.
        snapshot_of_running_allowed: ``kvm.snapshot.enabled``; None when not readable.
        can_lease: Whether instance leases are on.
        max_data_disks: What the hypervisor allows; None when not readable.
        offering_cpu: What a fixed offering gives, 0 for a custom one; so ``offering_memory_mb`` (MiB).
        offering_known: False where the plan has no offering that can be used, so that nobody read its size.
        live_vms: Marked live VMs of this context that another failover made, as ``name (id)``.
        in_flight_bytes: What other runs' marked clones in the making will still take; 0 when none.
        owner_account: Who will own the new VM, with ``owner_domain_id``; empty for a project, and where
            nobody says.
        owner_project_id: The project that will own it; empty for an account.
        zone_id: Where it will be.
    """

    volumes: tuple[VolumeFacts, ...] = ()
    appliance_state: str = ""
    appliance_vm_snapshots: tuple[str, ...] = ()
    hypervisor: str = ""
    pools: tuple[PoolFacts, ...] = ()
    quota: tuple[QuotaFact, ...] = ()
    snapshot_of_running_allowed: bool | None = None
    can_lease: bool = False
    max_data_disks: int | None = None
    offering_cpu: int = 0
    offering_memory_mb: int = 0
    offering_known: bool = True
    live_vms: tuple[str, ...] = ()
    in_flight_bytes: int = 0
    owner_account: str = ""
    owner_domain_id: str = ""
    owner_project_id: str = ""
    zone_id: str = ""
    unreadable: tuple[str, ...] = ()
