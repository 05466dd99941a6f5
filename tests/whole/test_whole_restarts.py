"""A live failover whose worker, API and database are each restarted once on the way."""

import asyncio
from pathlib import Path

from temporalio.client import Client

from activities.search_attributes import register_search_attributes
from rules.outcomes import FailoverResult
from tests.api.api_server import serve_api
from tests.support.mariadb import MariaDBServer, fresh_database
from tests.support.pending import activity_retried
from tests.support.restartable import away
from tests.support.whole import WHOLE_LIVE, open_whole_site
from tests.support.worker_process import environment_of, worker_process
from tests.whole.waits import result_of, until
from workflows.surface import SEARCH_ATTRIBUTES

_PATIENCE = 60


async def test_a_live_failover_outlives_worker_api_and_database(
    temporal_client: Client, own_mariadb: MariaDBServer, tmp_path: Path
) -> None:
    """One VM, one source that is off, one last sync; nobody notices."""
    await register_search_attributes(temporal_client, SEARCH_ATTRIBUTES)
    with fresh_database(own_mariadb) as url:
        async with open_whole_site(temporal_client, url) as whole:
            site = whole.site
            async with worker_process(tmp_path, environment_of(site)) as worker:
                await worker.work()
                sync = whole.replication.hold("status")
                async with serve_api(site) as api:
                    started = await api.start(WHOLE_LIVE, key="once")
                    assert started.status == 200, started.body
                    job_id = started.body["job_id"]
                    handle = temporal_client.get_workflow_handle(job_id, result_type=FailoverResult)
                    await asyncio.wait_for(sync.arrived.wait(), _PATIENCE)
                    # The power goes while the last sync is under way.
                    await worker.kill()
                    sync.released.set()
                    await worker.work()
                    await until(lambda: site.cloud.calls_of("createSnapshot"))
                    async with away(own_mariadb):
                        await activity_retried(handle, "RecordSnapshotsActivity")
                        assert not site.cloud.calls_of("startVirtualMachine")
                async with serve_api(site) as api:
                    again = await api.start(WHOLE_LIVE, key="once")
                    assert again.body["job_id"] == job_id, "the same request is the same failover"
                    result = await result_of(handle)
                    job = await api.job(job_id)
                    assert job["status"] == "completed"
                await whole.commit_of(handle).terminate("the test is over")
            vms = [vm for vm in site.vms() if vm is not whole.replicas.appliance]
            assert [vm.id for vm in vms] == [result.vm.id]
            assert whole.replicas.places == {"disk-2000": (result.vm.id, 0), "disk-2001": (result.vm.id, 1)}
            assert len(site.cloud.calls_of("deployVirtualMachine")) == 1
            assert len(site.cloud.calls_of("createSnapshot")) == 2
            assert len(whole.replication.jobs) == 1
            offs = [call for call in site.vma.calls if call.path.endswith("power-off")]
            assert len(offs) == 1
