"""A live failover that ends with the protected machine itself."""

import pytest

from rules.outcomes import FailoverOutcome, ProofLevel
from simulators.cloudstack import VmState
from tests.support.site import PGTEST1_CONTEXT
from tests.support.whole import ROLL_BACK, WHOLE_LIVE, WholeSite, ended

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_live_failover_runs_from_the_replicated_disks(whole_field_site: WholeSite) -> None:
    """Source off, last sync done, root swapped in, data disk at its place, nothing of the template left."""
    whole = whole_field_site
    handle = await whole.site.start(WHOLE_LIVE)
    result = await handle.result()
    assert result.outcome is FailoverOutcome.COMPLETED
    assert result.proven is ProofLevel.DISKS
    vm = whole.site.cloud.world.vms[result.vm.id]
    assert vm.state is VmState.RUNNING
    assert whole.replicas.places == {"disk-2000": (vm.id, 0), "disk-2001": (vm.id, 1)}
