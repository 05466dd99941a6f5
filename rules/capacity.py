"""Whether a run's snapshots and a drill's clones fit: quota, pools, time.

Observed, section 16: snapshots of one VM run one after the other; a volume made from a snapshot lands on a
random pool of the zone whatever is asked for, and then moves silently to the VM's cluster.
"""

from collections.abc import Iterator, Mapping, Sequence

from rules.checks import judged
from rules.disk_plan import disk_gb
from rules.disks import DiskPlan
from rules.policy import FailoverPolicy
from rules.preflight import Check
from rules.situation import Situation
from rules.storage_facts import PoolFacts

_GB = 1024**3
_UNITS = {"memory": " MiB", "primary_storage": " GiB", "secondary_storage": " GiB"}
_QUOTA_FIX = "Raise the limit of the account, domain or project, or free what is no longer needed"
_POOL_FIX = (
    "Free space, remove what earlier tests left, or lower FAILOVER_POOL_RESERVE_PERCENT; "
    "a clone may land on any pool of the zone"
)


def snapshot_seconds(policy: FailoverPolicy, disks: Sequence[DiskPlan]) -> float:
    """Return how long the snapshots of all disks may take, one after the other."""
    return sum((policy.disk_seconds(disk.size_gb) for disk in disks), 0.0)


def quota(known: Situation) -> Check:
    """Judge what the owner may still have of each resource that this run takes.

    What other runs made is in CloudStack's own numbers (observed, section 19). What they have yet to make is
    in the database: without their CPUs and memory, which CloudStack counts when the VM is made.
    """
    available = {fact.resource: fact.available for fact in known.storage.quota}
    if not available:
        warnings = ["nobody can say what the owner may still have: this key may not read it"]
        return judged(
            "quota", (), warnings, "", "Ask the CloudStack administrator, or use the owner's own key"
        )
    failures = []
    others = _needs_of_others(known)
    for resource, needed in _needs(known).items():
        left, more = available.get(resource), others.get(resource, 0)
        # What this run does not take, others may quarrel about.
        if left is not None and needed and left < needed + more:
            unit = _UNITS.get(resource, "")
            said = f"{resource}: {left}{unit} are left, {needed}{unit} are needed"
            failures.append(f"{said}, and {more}{unit} by other runs that have begun" if more else said)
    return judged("quota", failures, (), "the owner may have all that the run takes", _QUOTA_FIX)


def pool_space(known: Situation) -> Check:
    """Judge whether every pool of the zone can take every clone and keep its reserve.

    A clone is on two pools while it moves to the VM's cluster, once on each; so each takes all of them once.
    """
    # Both say what other drills will take: the one as CloudStack shows it, the other by their disks.
    others = max(known.storage.in_flight_bytes, known.replication.in_flight_clone_gib * _GB)
    needed = _total_gb(known) * _GB + others
    failures, warnings = [], []
    for pool in known.storage.pools:
        free = _free_bytes(pool, known.policy.pool_reserve_percent)
        name = pool.name or pool.storage_id
        if free is None:
            warnings.append(f"pool {name}: its space cannot be read")
        elif free < needed:
            failures.append(
                f"pool {name}: {max(0, free) // _GB} GB are free beside the reserve, "
                f"{-(-needed // _GB)} GB may be needed"
            )
    if not known.storage.pools:
        warnings.append("the storage pools cannot be read")
    good = f"every pool takes the {-(-needed // _GB)} GB of all clones, other runs' too, beside its reserve"
    return judged("pool_space", failures, warnings, good, _POOL_FIX)


def _needs(known: Situation) -> Mapping[str, int]:
    disks = len(known.replication.disks)
    snapshots = 0 if known.config.waive_snapshots else disks
    needs = {
        "user_vm": 1,
        "cpu": known.storage.offering_cpu or known.cpu_count,
        "memory": known.storage.offering_memory_mb or known.memory_mb,
        # The template's disk, until it is out.
        "volume": 1,
        "snapshot": snapshots,
        # A snapshot is let begin where the whole disk's size is left; what it takes in the end is not known.
        "secondary_storage": _total_gb(known) if snapshots else 0,
    }
    if known.on_clones:
        needs["volume"] += disks
        needs["primary_storage"] = _total_gb(known)
    return needs


def _needs_of_others(known: Situation) -> Mapping[str, int]:
    facts = known.replication
    return {
        "user_vm": facts.in_flight_vms,
        "volume": facts.in_flight_vms + facts.in_flight_clones,
        "snapshot": facts.in_flight_snapshots,
        "secondary_storage": facts.in_flight_snapshot_gib,
        "primary_storage": facts.in_flight_clone_gib,
    }


def _total_gb(known: Situation) -> int:
    return sum(_sizes(known))


def _sizes(known: Situation) -> Iterator[int]:
    volumes = {volume.volume_id.lower(): volume for volume in known.storage.volumes}
    for disk in known.replication.disks:
        yield disk_gb(disk, volumes.get(disk.volume_id.lower()))


def _free_bytes(pool: PoolFacts, reserve_percent: float) -> int | None:
    # What is allocated may be more than there is where a pool is overprovisioned: what is used decides.
    taken = pool.allocated_bytes if pool.used_bytes is None else pool.used_bytes
    if pool.total_bytes is None or taken is None:
        return None
    return int(pool.total_bytes * (100 - reserve_percent) / 100) - taken
