"""A replica that an interrupted sync tore: its last good snapshots carry the failover."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from database import Database
from database.tables import ossea_volumes
from rules.outcomes import FailoverOutcome
from simulators.cloudstack.storage import SnapshotState
from tests.support.replicas import SYNCED_BEFORE, seed_replicas
from tests.support.whole import LOST, ROLL_BACK, WholeSite, ended

pytestmark = pytest.mark.asyncio(loop_scope="session")
GOOD, TORN = "good of", "torn of"


async def _tear(whole: WholeSite, *, with_snapshots: bool) -> None:
    """Tear the replica after the last sync, and keep a snapshot of each disk from before."""
    replicas = await seed_replicas(whole.site, torn=True)
    whole.replicas = replicas
    world = whole.site.cloud.world
    taken_at = datetime.now(UTC) - SYNCED_BEFORE + timedelta(seconds=1)
    database = await Database.open(whole.site.url, pool_size=1)
    try:
        for volume in replicas.volumes:
            volume.content = f"{GOOD} {volume.name}"
            snapshot = world.add_snapshot(f"kept-{volume.name}", volume)
            snapshot.state = SnapshotState.BACKED_UP
            volume.content = f"{TORN} {volume.name}"
            if with_snapshots:
                values = {
                    "snapshot_id": snapshot.id,
                    "snapshot_status": "ready",
                    "snapshot_created_at": taken_at,
                }
                async with database.write() as connection:
                    await connection.execute(
                        update(ossea_volumes).where(ossea_volumes.c.volume_id == volume.id).values(values)
                    )
    finally:
        await database.close()


async def test_the_last_good_snapshots_are_used_and_the_torn_state_comes_back(whole_site: WholeSite) -> None:
    """The VM boots from the good state; a rollback gives replication its torn replica back."""
    await _tear(whole_site, with_snapshots=True)
    await whole_site.site.vma.stop()
    handle = await whole_site.site.start(LOST)
    result = await handle.result()
    assert result.outcome is FailoverOutcome.COMPLETED
    assert result.recovery_point is not None
    assert result.recovery_point.consistent
    assert any("snapshots that were kept" in warning for warning in result.warnings)
    assert {volume.content.split(" of")[0] for volume in whole_site.replicas.volumes} == {"good"}
    commit = whole_site.commit_of(handle)
    await commit.execute_update("roll_back", ROLL_BACK)
    report = await ended(commit)
    assert not report.left_behind
    assert {volume.content.split(" of")[0] for volume in whole_site.replicas.volumes} == {"torn"}


async def test_without_them_the_run_is_refused_unless_the_torn_point_is_accepted(
    whole_site: WholeSite,
) -> None:
    """Nothing is touched; with a reason it goes on, and says what it took."""
    await _tear(whole_site, with_snapshots=False)
    await whole_site.site.vma.stop()
    refused = await whole_site.site.run_failing(LOST)
    assert refused.type == "RecoveryPointRefused"
    assert not [vm for vm in whole_site.site.vms() if vm is not whole_site.replicas.appliance]
    result = await whole_site.site.run({**LOST, "accept_recovery_point": True})
    assert result.recovery_point is not None
    assert not result.recovery_point.consistent
    assert {volume.content.split(" of")[0] for volume in whole_site.replicas.volumes} == {"torn"}
