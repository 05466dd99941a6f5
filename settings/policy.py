"""What the site decides once for all failovers: the settings behind the policy."""

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from rules.disks import DisksMode, DrillDisks
from rules.policy import FailoverPolicy, MacPolicy, TestFallback

_LONGEST = 30 * 24 * 3600
"""In seconds: a longer time is a slip of the pen, and an endless one cannot be written into a history."""
Seconds = Annotated[float, Field(gt=0, le=_LONGEST, allow_inf_nan=False)]

# What a server with ``enforce.post.requests.and.timestamps`` accepts; a signature counts whole seconds.
_SignedSeconds = Annotated[float, Field(ge=1, le=900, allow_inf_nan=False)]
_Percent = Annotated[float, Field(ge=0, lt=100, allow_inf_nan=False)]
_Tries = Annotated[int, Field(ge=1, le=100)]


class PolicySettings(BaseSettings):
    """One setting for each field of `FailoverPolicy` that is not derived, under the same name."""

    # An empty variable is one that is not set: an empty key must not count as a key.
    model_config = SettingsConfigDict(
        env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    default_test_network_id: str = Field("", validation_alias="FAILOVER_DEFAULT_TEST_NETWORK_ID")
    test_fallback: TestFallback = Field(TestFallback.DEFAULT, validation_alias="FAILOVER_TEST_FALLBACK")
    live_mac: MacPolicy = Field(MacPolicy.KEEP, validation_alias="FAILOVER_LIVE_MAC")
    test_mac: MacPolicy = Field(MacPolicy.KEEP, validation_alias="FAILOVER_TEST_MAC")
    cpu_speed_mhz: int = Field(1000, gt=0, validation_alias="FAILOVER_CPU_SPEED_MHZ")
    create_expiry_seconds: _SignedSeconds = Field(60.0, validation_alias="FAILOVER_CREATE_EXPIRY_SECONDS")
    clock_skew_seconds: Seconds = Field(10.0, validation_alias="FAILOVER_CLOCK_SKEW_SECONDS")
    create_budget_seconds: Seconds = Field(1800.0, validation_alias="FAILOVER_CREATE_BUDGET_SECONDS")
    job_timeout_seconds: Seconds = Field(1800.0, validation_alias="FAILOVER_JOB_TIMEOUT_SECONDS")
    start_budget_seconds: Seconds = Field(600.0, validation_alias="FAILOVER_START_BUDGET_SECONDS")
    start_retry_seconds: Seconds = Field(15.0, validation_alias="FAILOVER_START_RETRY_SECONDS")
    name_wait_seconds: Seconds = Field(600.0, validation_alias="FAILOVER_NAME_WAIT_SECONDS")
    undo_budget_seconds: Seconds = Field(3600.0, validation_alias="FAILOVER_UNDO_BUDGET_SECONDS")
    heartbeat_seconds: Seconds = Field(30.0, validation_alias="FAILOVER_HEARTBEAT_SECONDS")

    disks: DisksMode = Field(DisksMode.REPLICATED, validation_alias="FAILOVER_DISKS")
    drill_disks: DrillDisks = Field(DrillDisks.CLONES, validation_alias="FAILOVER_DRILL_DISKS")
    max_data_disks: int = Field(6, ge=0, le=100, validation_alias="FAILOVER_MAX_DATA_DISKS")
    pool_reserve_percent: _Percent = Field(20.0, validation_alias="FAILOVER_POOL_RESERVE_PERCENT")
    convert_unknown_guest: bool = Field(default=True, validation_alias="FAILOVER_CONVERT_UNKNOWN_GUEST")
    power_off_grace_seconds: Seconds = Field(300.0, validation_alias="FAILOVER_POWER_OFF_GRACE_SECONDS")
    power_off_budget_seconds: Seconds = Field(300.0, validation_alias="FAILOVER_POWER_OFF_BUDGET_SECONDS")
    source_poll_seconds: Seconds = Field(5.0, validation_alias="FAILOVER_SOURCE_POLL_SECONDS")
    source_watch_seconds: Seconds = Field(300.0, validation_alias="FAILOVER_SOURCE_WATCH_SECONDS")
    sync_poll_seconds: Seconds = Field(10.0, validation_alias="FAILOVER_SYNC_POLL_SECONDS")
    sync_stall_seconds: Seconds = Field(900.0, validation_alias="FAILOVER_SYNC_STALL_SECONDS")
    quiet_wait_seconds: Seconds = Field(1800.0, validation_alias="FAILOVER_QUIET_WAIT_SECONDS")
    snapshot_base_seconds: Seconds = Field(600.0, validation_alias="FAILOVER_SNAPSHOT_BASE_SECONDS")
    snapshot_seconds_per_gb: Seconds = Field(30.0, validation_alias="FAILOVER_SNAPSHOT_PER_GB_SECONDS")
    snapshot_set_tries: _Tries = Field(3, validation_alias="FAILOVER_SNAPSHOT_SET_TRIES")
    conversion_timeout_seconds: Seconds = Field(
        3600.0, validation_alias="FAILOVER_CONVERSION_TIMEOUT_SECONDS"
    )
    conversion_queue_seconds: Seconds = Field(30.0, validation_alias="FAILOVER_CONVERSION_QUEUE_SECONDS")
    conversion_tries: _Tries = Field(3, validation_alias="FAILOVER_CONVERSION_TRIES")
    guest_check_seconds: Seconds = Field(300.0, validation_alias="FAILOVER_GUEST_CHECK_SECONDS")
    test_duration_seconds: Seconds = Field(86400.0, validation_alias="FAILOVER_TEST_DURATION_SECONDS")
    max_test_duration_seconds: Seconds = Field(
        604800.0, validation_alias="FAILOVER_MAX_TEST_DURATION_SECONDS"
    )
    cleanup_retry_seconds: Seconds = Field(600.0, validation_alias="FAILOVER_CLEANUP_RETRY_SECONDS")
    move_pause_seconds: Seconds = Field(2.0, validation_alias="FAILOVER_MOVE_PAUSE_SECONDS")
    conversion_pause_seconds: Seconds = Field(5.0, validation_alias="FAILOVER_CONVERSION_PAUSE_SECONDS")
    name_poll_seconds: Seconds = Field(5.0, validation_alias="FAILOVER_NAME_POLL_SECONDS")

    @field_validator("default_test_network_id")
    @classmethod
    def _stripped(cls, value: str) -> str:
        return value.strip()

    def policy_with(self, *, source_budget_seconds: float, replication_configured: bool) -> FailoverPolicy:
        """Return the policy of a run.

        Args:
            source_budget_seconds: How long one try to ask the VMA may take.
            replication_configured: Whether the worker knows replication's API.
        """
        said = {name: getattr(self, name) for name in PolicySettings.model_fields}
        # Who lowers the maximum means the default too.
        said["test_duration_seconds"] = min(self.test_duration_seconds, self.max_test_duration_seconds)
        return FailoverPolicy(
            **said,
            source_budget_seconds=source_budget_seconds,
            replication_configured=replication_configured,
        )
