"""The guard above all rules, in a whole run: a test VM never lands on production, however late that shows.

Rows of another VM are added while the test stands at a gate, as an operator does who maps a VM meanwhile.
"""

from collections.abc import Awaitable, Callable, Mapping

import pytest

from database import SchemaGeneration
from embedded.seed import PGTEST2_CONTEXT, PGTEST3_CONTEXT
from rules.errors import FailoverErrorType as ErrorType
from rules.identity import vm_marks
from simulators.cloudstack import sample
from simulators.cloudstack.entities import VmState
from tests.faults.conftest import Endings
from tests.faults.stories import Ended, Stage, Story
from tests.support.site import LIVE, TEST

_Plot = Callable[[Stage], Awaitable[Ended]]
_ALLOWED = {**TEST, "allow_production_network": True, "reason": "the drill of this quarter"}
_LIVE_2 = {"context_id": PGTEST2_CONTEXT, "failover_type": "live"}
_TEST_3 = {"context_id": PGTEST3_CONTEXT, "failover_type": "test"}
"""The second NIC of pgtest3 falls back to the network that pgtest2 is failed over live to."""


async def _map_to_production(
    stage: Stage, network_id: str = sample.TEST_DMZ_ID, *, kinds: str = "0, 1"
) -> None:
    """Add a row of another VM; ``kinds`` is is_test_network and is_production_network."""
    await stage.site.sql(
        "INSERT INTO network_mappings (id, vm_context_id, source_network_name, destination_network_id,"
        " destination_network_name, is_test_network, is_production_network)"
        f" VALUES (4711, '{PGTEST2_CONTEXT}', 'VM Network', '{network_id}', 'production', {kinds})"
    )


def _mapped(network_id: str = sample.TEST_DMZ_ID, *, kinds: str = "0, 1") -> _Plot:
    async def plot(stage: Stage) -> Ended:
        await _map_to_production(stage, network_id, kinds=kinds)
        return await stage.run()

    return plot


async def _mapped_at_the_gate(stage: Stage) -> Ended:
    handle = await stage.start()
    await stage.gate.reached()
    await _map_to_production(stage)
    stage.gate.open()
    return await stage.end_of(handle)


async def _live_at_the_gate(stage: Stage) -> Ended:
    handle = await stage.start()
    await stage.gate.reached()
    live = await stage.start(_LIVE_2)
    await live.result()
    stage.gate.open()
    ended, _ = await stage.ends_of(handle, live)
    return ended


async def _live_before(stage: Stage) -> Ended:
    live = await stage.start(_LIVE_2)
    await live.result()
    ended, _ = await stage.ends_of(await stage.start(), live)
    return ended


async def _live_before_and_gone(stage: Stage) -> Ended:
    live = await stage.start(_LIVE_2)
    await live.result()
    (vm,) = stage.site.vms()
    stage.site.cloud.world.expunge(vm)
    return await stage.run()


def _marked_vm(state: VmState) -> _Plot:
    """CloudStack has a VM that was failed over live, of which this database knows nothing."""

    async def plot(stage: Stage) -> Ended:
        marks = vm_marks("a-run-of-another-appliance", "another-context", "live", "its-identity")
        stage.add_stranger("other", sample.TEST_DMZ_ID, state=state, details=marks)
        return await stage.run()

    return plot


def _refused(
    title: str,
    plot: _Plot,
    *,
    gate: str = "",
    deploys: int = 0,
    request: Mapping[str, object] = TEST,
    generation: SchemaGeneration | None = None,
) -> Story:
    return Story(
        title,
        ends=ErrorType.PRODUCTION_NETWORK_REFUSED.value,
        vms=(),
        submits=deploys,
        request=dict(request),
        gate=(gate, 1),
        generation=generation,
        plot=plot,
    )


ROWS = (
    _refused("when it is resolved", _mapped()),
    _refused("in other letter case", _mapped(sample.TEST_DMZ_ID.upper())),
    _refused("with blanks around it", _mapped(f" {sample.TEST_DMZ_ID} ")),
    _refused("by a row that is test and production", _mapped(kinds="1, 1")),
    _refused(
        "by a row that does not say what it is",
        _mapped(kinds="NULL, NULL"),
        generation=SchemaGeneration.JOB_SHEET,
    ),
    _refused("after the resolution", _mapped_at_the_gate, gate="+ResolveNetworkActivity"),
    _refused("after the check, before the create", _mapped_at_the_gate, gate="RecordPlanActivity"),
    _refused("after the guard of the create", _mapped_at_the_gate, gate="CreateVMActivity"),
    _refused("while the VM is created", _mapped_at_the_gate, gate="WaitForJobActivity", deploys=1),
    _refused("before the start", _mapped_at_the_gate, gate="RecordVMActivity", deploys=1),
    _refused("after the guard of the start", _mapped_at_the_gate, gate="StartVMActivity", deploys=1),
)

USE = (
    _refused("it was failed over before", _live_before, request=_TEST_3, deploys=1),
    _refused(
        "it is failed over after the resolution",
        _live_at_the_gate,
        gate="+ResolveNetworkActivity",
        request=_TEST_3,
        deploys=1,
    ),
    _refused(
        "it is failed over after the guard of the create",
        _live_at_the_gate,
        gate="CreateVMActivity",
        request=_TEST_3,
        deploys=1,
    ),
    *(
        _refused(f"only CloudStack knows of it, {state.value}", _marked_vm(state))
        for state in (VmState.RUNNING, VmState.STOPPED)
    ),
)


def _allowed(title: str, plot: _Plot, *, gate: str = "") -> Story:
    return Story(title, request=dict(_ALLOWED), gate=(gate, 1), plot=plot)


ALLOWED = (
    _allowed("a mapping row", _mapped()),
    _allowed("a mapping row after the guard of the create", _mapped_at_the_gate, gate="CreateVMActivity"),
    _allowed("a VM that was failed over live", _marked_vm(VmState.RUNNING)),
)

UNTOUCHED = (
    Story("a live failover, whatever is production", request=dict(LIVE), plot=_mapped(sample.PROD_LAN_ID)),
    Story("a VM failed over live that is gone", request=dict(_TEST_3), plot=_live_before_and_gone),
    Story("a VM failed over live that is destroyed", request=dict(TEST), plot=_marked_vm(VmState.DESTROYED)),
    Story("a test row of another VM", request=dict(TEST), plot=_mapped(kinds="1, 0")),
)


@pytest.mark.parametrize("story", ROWS, ids=str)
async def test_a_network_that_another_vm_maps_to_production(story: Story, endings: Endings) -> None:
    ended = _assert_as_told(story, endings)
    assert ended.count("startVirtualMachine") == 0
    for named in ("NIC 1 ('DMZ Network')", sample.TEST_DMZ_ID, "4711"):
        assert named in ended.message
    assert "NIC 0" not in ended.message


@pytest.mark.parametrize("story", USE, ids=str)
async def test_a_network_that_a_vm_failed_over_live_uses(story: Story, endings: Endings) -> None:
    ended = _assert_as_told(story, endings)
    assert "NIC 1" in ended.message
    assert "failed over live by" in ended.message


@pytest.mark.parametrize("story", ALLOWED, ids=str)
async def test_allow_production_network_with_a_reason_makes_a_warning_of(
    story: Story, endings: Endings
) -> None:
    ended = _assert_as_told(story, endings)
    assert ended.result is not None
    warnings = [one for one in ended.result.warnings if sample.TEST_DMZ_ID in one]
    assert warnings
    assert all("NIC 1" in one and "allowed by the request" in one for one in warnings)


@pytest.mark.parametrize("story", UNTOUCHED, ids=str)
async def test_the_guard_does_not_mind(story: Story, endings: Endings) -> None:
    _assert_as_told(story, endings)


def _assert_as_told(story: Story, endings: Endings) -> Ended:
    ended = endings.of(story)
    assert (ended.type, ended.states) == (story.ends, story.vms)
    if story.submits is not None:
        assert ended.count("deployVirtualMachine") == story.submits
    return ended
