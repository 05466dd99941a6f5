"""What the site decided once for all failovers, as a run sees it.

The worker reads the settings; the first activity hands this snapshot to the run, so that it stands in the
history and a replay never depends on the environment.
"""

from enum import StrEnum

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

    @property
    def settle_seconds(self) -> float:
        """After this time no create call that was signed before can still take effect."""
        return self.create_expiry_seconds + self.clock_skew_seconds
