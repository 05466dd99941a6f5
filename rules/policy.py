"""What the site decided once for all failovers, as a run sees it.

The worker reads the settings; the first activity hands this snapshot to the run, so that it stands in the
history and a replay never depends on the environment.
"""

from enum import StrEnum

from rules.disks import DisksMode, DrillDisks
from rules.models import Record


class TestFallback(StrEnum):
    """What a test NIC without a test mapping does when no default test network is configured."""

    __test__ = False  # pytest would take the name for a test class

    DEFAULT = "default"
    """It falls back to the default network, as the job sheet asks."""
    REFUSE = "refuse"
    """The run is refused."""


class MacPolicy(StrEnum):
    """Which MAC address the NIC of the new VM gets."""

    KEEP = "keep"
    """The source NIC's."""
    NEW = "new"
    """One that CloudStack makes."""


class FailoverPolicy(Record):
    """The settings that a run depends on. All times are in seconds; budgets count tries, not absent workers.

    Attributes:
        default_test_network_id: Where a test NIC without a mapping goes; empty where there is none.
        cpu_speed_mhz: For custom offerings that leave the CPU speed open too (observed, section 20).
        source_budget_seconds: How long one try to ask the VMA may take; a tunnel can hang.
        create_expiry_seconds: How long a signed create call stays valid.
        clock_skew_seconds: How far the clocks of worker and CloudStack may be apart.
        job_timeout_seconds: How long one CloudStack job may take.
        start_budget_seconds: How long a refused start is tried again (hosts reconnect, capacity comes back).
        start_retry_seconds: The pause between two such tries.
        name_wait_seconds: How long a run waits for another that makes a VM of the same name.
        undo_budget_seconds: How long the removal of the VM is tried before the run ends and names it.
        heartbeat_seconds: After this silence an activity that waits counts as lost.
        disks: What a request that does not say gets. A run that began before disks were moved has none.
        drill_disks: What a drill runs on.
        max_data_disks: Where CloudStack does not say what the hypervisor allows.
        pool_reserve_percent: Of each pool, set aside for replication: a drill never eats it.
        convert_unknown_guest: Whether a guest of unknown family is converted.
        replication_configured: Whether the worker knows the replication API: who has none cannot sync.
        power_off_grace_seconds: How long a gentle power-off may take before the plug is pulled.
        power_off_budget_seconds: How long the source may take to be read as off after that.
        source_poll_seconds: Between two looks at the source's power.
        source_watch_seconds: Between two looks whether a lost source came back.
        sync_poll_seconds: Between two looks at a replication job.
        sync_stall_seconds: A replication job that moves nothing for so long is stalled.
        quiet_wait_seconds: How long a run waits for a replication job that is under way.
        snapshot_base_seconds: How long one snapshot may take, whatever its size.
        snapshot_seconds_per_gb: And for each GiB.
        snapshot_set_tries: How often a set that a sync tore is taken anew.
        conversion_timeout_seconds: How long one conversion may run.
        conversion_queue_seconds: How long a worker on the appliance's queue may take to answer.
        conversion_tries: How often an interrupted conversion is begun anew, each on a restored disk.
        guest_check_seconds: How long the check command may take.
        test_duration_seconds: How long a drill's VM lives where the request does not say.
        max_test_duration_seconds: The longest that a request or an extension may say.
        cleanup_retry_seconds: Between two tries of a cleanup that left something behind.
        move_pause_seconds: Before a disk is looked at again whose job failed; it grows with each failure.
        conversion_pause_seconds: Before a conversion is asked for again that wrote nothing; it grows to 60 s.
        name_poll_seconds: Between two looks at another run that makes a VM of the same name.
    """

    test_fallback: TestFallback = TestFallback.DEFAULT
    default_test_network_id: str = ""
    live_mac: MacPolicy = MacPolicy.KEEP
    test_mac: MacPolicy = MacPolicy.KEEP
    cpu_speed_mhz: int = 1000
    source_budget_seconds: float = 90.0
    create_expiry_seconds: float = 60.0
    clock_skew_seconds: float = 10.0
    create_budget_seconds: float = 1800.0
    job_timeout_seconds: float = 1800.0
    start_budget_seconds: float = 600.0
    start_retry_seconds: float = 15.0
    name_wait_seconds: float = 600.0
    undo_budget_seconds: float = 3600.0
    heartbeat_seconds: float = 30.0
    disks: DisksMode = DisksMode.NONE
    drill_disks: DrillDisks = DrillDisks.CLONES
    max_data_disks: int = 6
    pool_reserve_percent: float = 20.0
    convert_unknown_guest: bool = True
    replication_configured: bool = False
    power_off_grace_seconds: float = 300.0
    power_off_budget_seconds: float = 300.0
    source_poll_seconds: float = 5.0
    source_watch_seconds: float = 300.0
    sync_poll_seconds: float = 10.0
    sync_stall_seconds: float = 900.0
    quiet_wait_seconds: float = 1800.0
    snapshot_base_seconds: float = 600.0
    snapshot_seconds_per_gb: float = 30.0
    snapshot_set_tries: int = 3
    conversion_timeout_seconds: float = 3600.0
    conversion_queue_seconds: float = 30.0
    conversion_tries: int = 3
    guest_check_seconds: float = 300.0
    test_duration_seconds: float = 86400.0
    max_test_duration_seconds: float = 604800.0
    cleanup_retry_seconds: float = 600.0
    move_pause_seconds: float = 2.0
    conversion_pause_seconds: float = 5.0
    name_poll_seconds: float = 5.0

    def disk_seconds(self, size_gb: int) -> float:
        """Return how long one snapshot, clone or revert of a disk of this size (GiB) may take."""
        return self.snapshot_base_seconds + self.snapshot_seconds_per_gb * size_gb

    @property
    def settle_seconds(self) -> float:
        """After this time no create call that was signed before can still take effect."""
        return self.create_expiry_seconds + self.clock_skew_seconds
