"""Temporal and the database go away in the middle of a failover, and come back."""

import asyncio
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHandle

from activities.search_attributes import register_search_attributes
from database import RunState
from rules.errors import FailoverErrorType
from rules.outcomes import FailoverResult
from simulators.cloudstack import Fault, FaultKind
from tests.support.mariadb import MariaDBServer, fresh_database
from tests.support.pending import activity_retried
from tests.support.restartable import away, temporal_with_a_file
from tests.support.site import LIVE, Site, activity_started, failed, open_site
from workflows.surface import SEARCH_ATTRIBUTES

_PATIENCE = 90


async def _completed(handle: WorkflowHandle[Any, FailoverResult], site: Site) -> FailoverResult:
    result = await asyncio.wait_for(handle.result(), _PATIENCE)
    (vm,) = site.vms()
    assert site.running() == [vm]
    assert result.vm.id == vm.id
    return result


async def test_a_restart_of_temporal_under_an_open_run_loses_nothing(
    temporal_cli: Path, tmp_path: Path
) -> None:
    async with temporal_with_a_file(temporal_cli, tmp_path) as (server, client):
        await register_search_attributes(client, SEARCH_ATTRIBUTES)
        async with open_site(client, f"sqlite+aiosqlite:///{tmp_path / 'site.db'}") as site:
            await site.start_worker()
            site.cloud.faults.add(Fault("listAsyncJobs", FaultKind.MAINTENANCE, times=None))
            handle = await site.start(LIVE)
            await activity_started(handle, "WaitForJobActivity")
            await server.stop()
            # CloudStack goes on meanwhile, and nobody is there to be told.
            site.cloud.faults.clear()
            await server.start()
            result = await _completed(handle, site)
            assert not result.vm.adopted
            assert len(site.cloud.calls_of("deployVirtualMachine")) == 1
            await site.stop_worker()


async def test_a_restart_of_the_database_in_the_middle_loses_nothing(
    temporal_client: Client, own_mariadb: MariaDBServer
) -> None:
    await register_search_attributes(temporal_client, SEARCH_ATTRIBUTES)
    with fresh_database(own_mariadb) as url:
        async with open_site(temporal_client, url) as site:
            await site.start_worker()
            site.cloud.faults.add(Fault("listAsyncJobs", FaultKind.MAINTENANCE, times=None))
            handle = await site.start(LIVE)
            await activity_started(handle, "WaitForJobActivity")
            async with away(own_mariadb):
                site.cloud.faults.clear()
                await activity_retried(handle, "RecordVMActivity")
                (vm,) = site.vms()
                assert vm.state == "Stopped", "what the database does not know yet is not started"
            await _completed(handle, site)
            record = await site.record(handle.id)
            assert record is not None
            assert (record.state, record.vm_id) == (RunState.COMPLETED, vm.id)
            await site.stop_worker()


async def test_a_database_that_is_away_during_an_undo_holds_it_up_and_loses_nothing(
    temporal_client: Client, own_mariadb: MariaDBServer
) -> None:
    await register_search_attributes(temporal_client, SEARCH_ATTRIBUTES)
    with fresh_database(own_mariadb) as url:
        async with open_site(temporal_client, url) as site:
            await site.start_worker()
            start = Fault("startVirtualMachine", FaultKind.JOB_FAILS, code=431)
            arrived = asyncio.Event()

            def falls_silent(_params: object) -> bool:
                arrived.set()
                site.cloud.faults.add(Fault("listAsyncJobs", FaultKind.MAINTENANCE, times=None))
                return True

            start.match = falls_silent
            site.cloud.faults.add(start)
            handle = await site.start(LIVE)
            await asyncio.wait_for(arrived.wait(), _PATIENCE)
            await activity_started(handle, "WaitForJobActivity")
            async with away(own_mariadb):
                site.cloud.faults.clear()
                await activity_retried(handle, "BeginUndoActivity")
                assert len(site.vms()) == 1, "which VM must be kept is not known yet"
            assert (await failed(handle)).type == FailoverErrorType.VM_START_FAILED
            assert site.vms() == []
            record = await site.record(handle.id)
            assert record is not None
            assert record.state is RunState.FAILED
            await site.stop_worker()
