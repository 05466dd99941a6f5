"""A start that CloudStack refuses at submit: what is read back decides."""

from collections.abc import Mapping

from rules.outcomes import FailoverOutcome
from simulators.cloudstack import Fault, FaultKind, VmState
from tests.support.site import LIVE, Site


async def test_a_start_refused_since_the_vm_runs_already_is_a_success(site: Site) -> None:
    def somebody_starts_it(params: Mapping[str, str]) -> bool:
        site.cloud.world.vms[params["id"]].state = VmState.RUNNING
        return True

    site.cloud.faults.add(Fault("startVirtualMachine", FaultKind.REFUSED, code=431, match=somebody_starts_it))
    result = await site.run(LIVE)
    assert result.outcome is FailoverOutcome.COMPLETED
    assert len(site.cloud.calls_of("startVirtualMachine")) == 1
    assert len(site.running()) == 1
