"""A reset of a live run that completed: its VM is in use, so nothing of it is touched."""

import pytest

from simulators.cloudstack import VmState
from tests.support.resets import reset
from tests.support.site import failed
from tests.support.whole import WHOLE_LIVE, WholeSite
from tests.whole.waits import result_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_completed_run_that_is_reset_touches_nothing(whole_site: WholeSite) -> None:
    """To the fence, to a look at the fence, to a move, to the start: the VM runs on, with its disks."""
    whole = whole_site
    started = await whole.site.start(WHOLE_LIVE)
    result = await result_of(started)
    completed = whole.client.get_workflow_handle(started.id, run_id=started.result_run_id)
    places = whole.replicas.places
    vm = whole.site.cloud.world.vms[result.vm.id]
    source = whole.site.vma.vm((await whole.replicas.context())["vmware_vm_id"])
    for step in ("FenceReplicationActivity", "CheckFenceActivity", "MoveDiskActivity"):
        ended = await failed(await reset(whole.client, completed, step))
        assert vm.state is VmState.RUNNING, step
        assert whole.replicas.places == places, step
        assert source.power_state == "poweredOff", step
        state = await whole.replicas.state()
        assert state.fenced_by == started.id, step
        assert result.vm.id in ended.message, step
    await whole.commit_of(started).terminate("the test is over")
