"""Everything that is known before the first effect: what the preflight judges."""

from datetime import UTC, datetime

from rules.context import VMContext
from rules.destination import Finding
from rules.disks import DrillDisks, GuestFamily, ReplicatedDisk, ReplicationFacts, VolumeFacts
from rules.models import Record
from rules.nics import SourceVm
from rules.policy import FailoverPolicy
from rules.request import FailoverType, UnifiedFailoverConfig
from rules.resolution import NetworkDecision
from rules.source_power import SourcePower
from rules.storage_facts import StorageFacts


class Situation(Record):
    """What request, database, source and CloudStack say.

    Attributes:
        power: The source's; None for a drill, which never asks.
        conversion_worker: Who answered on the conversion queue; empty when nobody did in time.
        decisions: Where each NIC goes; empty where the mappings do not say.
        mappings_problem: Why it is not decided where each NIC goes; empty when it is.
        destination_problems: What CloudStack says against zone, networks, template, offering and name.
        destination_checked: False where nobody could ask for networks, template, offering and name.
        lease_held: Whether this run holds the context; a question holds nothing.
        held_by: For a question: the open workflow that holds the context; empty when none does.
        now_seconds: The workflow's time as seconds since the epoch (UTC), for ages.
    """

    config: UnifiedFailoverConfig
    context: VMContext
    source: SourceVm
    policy: FailoverPolicy
    replication: ReplicationFacts
    storage: StorageFacts
    power: SourcePower | None = None
    conversion_worker: str = ""
    decisions: tuple[NetworkDecision, ...] = ()
    mappings_problem: str = ""
    destination_problems: tuple[Finding, ...] = ()
    destination_warnings: tuple[Finding, ...] = ()
    destination_checked: bool = True
    lease_held: bool = False
    held_by: str = ""
    now_seconds: float = 0.0

    @property
    def is_live(self) -> bool:
        """Whether the source is taken over, and not only tried out."""
        return self.config.failover_type is FailoverType.LIVE

    @property
    def on_clones(self) -> bool:
        """Whether the new VM's disks are clones, so that replication goes on."""
        return not self.is_live and self.policy.drill_disks is DrillDisks.CLONES

    @property
    def replicas(self) -> tuple[tuple[ReplicatedDisk, VolumeFacts], ...]:
        """Each disk with what CloudStack shows of its volume; without those that nobody looked for."""
        volumes = {volume.volume_id.lower(): volume for volume in self.storage.volumes}
        return tuple(
            (disk, volumes[disk.volume_id.lower()])
            for disk in self.replication.disks
            if disk.volume_id and disk.volume_id.lower() in volumes
        )

    @property
    def writes_at_appliance(self) -> bool:
        """Whether the replica itself is written to there: by a final sync, or by a conversion."""
        return not self.on_clones and (self.config.final_sync or self.convert)

    @property
    def now(self) -> datetime:
        """The workflow's time."""
        return datetime.fromtimestamp(self.now_seconds, UTC)

    @property
    def convert(self) -> bool:
        """Whether the guest must be converted before it boots on KVM."""
        guest = self.replication.guest
        needed = guest is GuestFamily.WINDOWS or (
            guest is GuestFamily.UNKNOWN and self.policy.convert_unknown_guest
        )
        return needed and not self.config.skip_virtio

    @property
    def test_seconds(self) -> float:
        """How long a drill's VM is to live."""
        wanted = self.config.test_duration_seconds
        return self.policy.test_duration_seconds if wanted is None else wanted

    @property
    def cpu_count(self) -> int:
        """The source's virtual CPUs; 0 when nobody knows."""
        return self.source.cpu_count or self.context.cpu_count

    @property
    def memory_mb(self) -> int:
        """The source's memory in MiB; 0 when nobody knows."""
        return self.source.memory_mb or self.context.memory_mb
