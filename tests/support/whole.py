"""A site on which a whole failover runs: replicas at an appliance, replication, and all of ``site``."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from temporalio.client import Client, WorkflowHandle

from embedded.seed import PGTEST1_CONTEXT
from rules.outcomes import EndReport
from rules.temporal_names import cleanup_workflow_id, commit_workflow_id
from simulators.replication import ReplicationSimulator, SqlRecords
from tests.support.replicas import Replicas, seed_replicas
from tests.support.site import Site, open_site

WHOLE_LIVE = {"context_id": PGTEST1_CONTEXT, "failover_type": "live", "disks": "replicated"}
WHOLE_TEST = {"context_id": PGTEST1_CONTEXT, "failover_type": "test", "disks": "replicated"}
LOST = {**WHOLE_LIVE, "source_lost": True, "reason": "the site burns"}
ROLL_BACK = {"acknowledge_data_loss": True, "reason": "the source is better", "user_id": "ops"}

_PATIENCE = 60
# Every timer is a setting: no test waits for a clock longer than it must.
QUICK = {
    "FAILOVER_POWER_OFF_GRACE_SECONDS": 1,
    "FAILOVER_POWER_OFF_BUDGET_SECONDS": 3,
    "FAILOVER_SOURCE_POLL_SECONDS": 0.1,
    "FAILOVER_SOURCE_WATCH_SECONDS": 0.3,
    "FAILOVER_SYNC_POLL_SECONDS": 0.1,
    "FAILOVER_SYNC_STALL_SECONDS": 2,
    "FAILOVER_QUIET_WAIT_SECONDS": 5,
    "FAILOVER_CONVERSION_QUEUE_SECONDS": 1,
    "FAILOVER_CLEANUP_RETRY_SECONDS": 0.5,
    "FAILOVER_MOVE_PAUSE_SECONDS": 0.2,
    "FAILOVER_CONVERSION_PAUSE_SECONDS": 0.2,
}


@dataclass
class WholeSite:
    """A site, its replicas and its replication system."""

    site: Site
    replicas: Replicas
    replication: ReplicationSimulator

    @property
    def client(self) -> Client:
        """Temporal's."""
        return self.site.client

    def cleanup_of(self, handle: WorkflowHandle[Any, Any]) -> WorkflowHandle[Any, EndReport]:
        """The workflow that ends a drill."""
        return self.client.get_workflow_handle(cleanup_workflow_id(handle.id), result_type=EndReport)

    def commit_of(self, handle: WorkflowHandle[Any, Any]) -> WorkflowHandle[Any, EndReport]:
        """The workflow that waits for commit or rollback."""
        return self.client.get_workflow_handle(commit_workflow_id(handle.id), result_type=EndReport)


async def ended(handle: WorkflowHandle[Any, EndReport]) -> EndReport:
    """Wait for the end of a cleanup or a commit."""
    return await asyncio.wait_for(handle.result(), _PATIENCE)


@contextlib.asynccontextmanager
async def open_whole_site(
    client: Client,
    url: str,
    *,
    settings: dict[str, Any] | None = None,
    **replicas: Any,  # noqa: ANN401 - whatever ``seed_replicas`` takes
) -> AsyncIterator[WholeSite]:
    """Open a site with replicas and replication, without a worker."""
    async with open_site(client, url) as site:
        site.cloud.world.can_revert = True
        seeded = await seed_replicas(site, **replicas)
        replication = ReplicationSimulator(SqlRecords(url))
        await replication.start()
        site.settings |= QUICK | {"REPLICATION_URL": replication.url} | (settings or {})
        try:
            yield WholeSite(site, seeded, replication)
        finally:
            await site.stop_worker()
            await replication.stop()
