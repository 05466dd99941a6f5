"""The database refuses the worker's account in the middle of a failover: mended, the run goes on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest_asyncio
from sqlalchemy import make_url
from temporalio.client import Client, WorkflowHandle

from activities.search_attributes import register_search_attributes
from database import Database, RunState, context_resource
from embedded.seed import PGTEST1_CONTEXT
from rules.errors import FailoverErrorType
from rules.outcomes import FailoverResult
from simulators.cloudstack import Fault, FaultKind
from tests.support.leases import holder
from tests.support.mariadb import PASSWORD, MariaDBServer
from tests.support.pending import activity_retried
from tests.support.site import LIVE, Site, activity_started, failed, open_site
from workflows.surface import SEARCH_ATTRIBUTES

_PATIENCE = 90
_USER = "worker_of_a_test"


@dataclass(frozen=True)
class _Account:
    """The worker's account, as the database's administrator changes it under the worker's feet."""

    server: MariaDBServer
    site: Site
    owner_url: str

    @contextlib.asynccontextmanager
    async def refused(self, *orders: str) -> AsyncIterator[None]:
        """Change the account and cut its connections off, and mend it at the end."""
        name = make_url(self.owner_url).database
        changes = "; ".join(order.format(name=name, user=_USER) for order in orders)
        await asyncio.to_thread(self.server.sql, f"{changes}; KILL USER {_USER}")
        yield
        mended = f"ALTER USER {_USER} IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON {name}.* TO {_USER}"
        await asyncio.to_thread(self.server.sql, mended)

    async def lease_holder(self) -> str | None:
        """Who holds the lease of the VM, whatever the worker's account may read."""
        database = await Database.open(self.owner_url, pool_size=1)
        try:
            return await holder(database, context_resource(PGTEST1_CONTEXT, "live"))
        finally:
            await database.close()


@pytest_asyncio.fixture(loop_scope="session")
async def account(
    temporal_client: Client, mariadb_server: MariaDBServer, mariadb_url: str
) -> AsyncIterator[_Account]:
    """A site whose worker has an account of its own."""
    name = str(make_url(mariadb_url).database)
    mariadb_server.sql(f"CREATE USER {_USER} IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON {name}.* TO {_USER}")
    try:
        await register_search_attributes(temporal_client, SEARCH_ATTRIBUTES)
        async with open_site(temporal_client, mariadb_server.url(name, _USER)) as site:
            await site.start_worker()
            yield _Account(mariadb_server, site, mariadb_url)
    finally:
        mariadb_server.sql(f"DROP USER {_USER}")


def _silent_from_the_start(site: Site, kind: FaultKind | None) -> asyncio.Event:
    """Have CloudStack tell of no job once the VM is to be started; that fails where a kind is given."""
    arrived = asyncio.Event()

    def falls_silent(_params: object) -> bool:
        arrived.set()
        site.cloud.faults.add(Fault("listAsyncJobs", FaultKind.MAINTENANCE, times=None))
        return kind is not None

    fault = Fault("startVirtualMachine", kind or FaultKind.JOB_FAILS, code=431, match=falls_silent)
    site.cloud.faults.add(fault)
    return arrived


async def _starting(account: _Account, kind: FaultKind | None) -> WorkflowHandle[Any, FailoverResult]:
    arrived = _silent_from_the_start(account.site, kind)
    handle = await account.site.start(LIVE)
    await asyncio.wait_for(arrived.wait(), _PATIENCE)
    await activity_started(handle, "WaitForJobActivity")
    return handle


async def _completed(account: _Account, handle: WorkflowHandle[Any, FailoverResult]) -> None:
    result = await asyncio.wait_for(handle.result(), _PATIENCE)
    (vm,) = account.site.vms()
    assert account.site.running() == [vm]
    assert result.vm.id == vm.id
    assert result.warnings == ()
    record = await account.site.record(handle.id)
    assert record is not None
    assert (record.state, record.vm_id) == (RunState.COMPLETED, vm.id)
    assert await account.lease_holder() is None


async def test_another_password_while_the_vm_is_recorded(account: _Account) -> None:
    site = account.site
    site.cloud.faults.add(Fault("listAsyncJobs", FaultKind.MAINTENANCE, times=None))
    handle = await site.start(LIVE)
    await activity_started(handle, "WaitForJobActivity")
    async with account.refused("ALTER USER {user} IDENTIFIED BY 'another-made-up-password'"):
        site.cloud.faults.clear()
        await activity_retried(handle, "RecordVMActivity")
        (vm,) = site.vms()
        assert vm.state == "Stopped", "what the database does not know yet is not started"
    await _completed(account, handle)


async def test_a_right_taken_away_while_an_undo_begins(account: _Account) -> None:
    site = account.site
    handle = await _starting(account, FaultKind.JOB_FAILS)
    async with account.refused("REVOKE ALL ON {name}.* FROM {user}", "GRANT SELECT ON {name}.* TO {user}"):
        site.cloud.faults.clear()
        await activity_retried(handle, "BeginUndoActivity")
        assert len(site.vms()) == 1, "it is removed once that can be recorded"
        assert await account.lease_holder() == handle.id
    end = await failed(handle)
    assert end.type == FailoverErrorType.VM_START_FAILED
    assert end.report is not None
    assert len(end.report.removed) == 1
    assert end.report.left_behind == ()
    assert site.vms() == []
    record = await site.record(handle.id)
    assert record is not None
    assert record.state is RunState.FAILED
    assert await account.lease_holder() is None


async def test_a_database_that_may_not_be_used_any_more_when_the_end_is_recorded(account: _Account) -> None:
    handle = await _starting(account, None)
    async with account.refused("REVOKE ALL ON {name}.* FROM {user}"):
        account.site.cloud.faults.clear()
        await activity_retried(handle, "FinishRunActivity")
        assert len(account.site.running()) == 1
        assert await account.lease_holder() == handle.id
    await _completed(account, handle)


async def test_a_right_taken_away_when_the_end_of_an_undone_run_is_recorded(account: _Account) -> None:
    site = account.site
    removal = asyncio.Event()
    go_on = Fault("destroyVirtualMachine", FaultKind.MAINTENANCE, times=None)

    def asked(_params: object) -> bool:
        removal.set()
        return True

    go_on.match = asked
    site.cloud.faults.add(go_on)
    site.cloud.faults.add(Fault("startVirtualMachine", FaultKind.JOB_FAILS, code=431))
    handle = await site.start(LIVE)
    await asyncio.wait_for(removal.wait(), _PATIENCE)
    async with account.refused("REVOKE ALL ON {name}.* FROM {user}", "GRANT SELECT ON {name}.* TO {user}"):
        site.cloud.faults.clear()
        await activity_retried(handle, "FinishRunActivity")
        assert site.vms() == []
    end = await failed(handle)
    assert end.type == FailoverErrorType.VM_START_FAILED
    assert end.report is not None
    assert len(end.report.removed) == 1
    assert "database does not know" not in end.message
    record = await site.record(handle.id)
    assert record is not None
    assert (record.state, record.failure_type) == (RunState.FAILED, end.type)
    assert await account.lease_holder() is None
