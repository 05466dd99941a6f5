"""What is in the way when the VM is created: names, ids, addresses and limits that are taken already."""

from dataclasses import dataclass

import pytest

from embedded.seed import PGTEST1_CONTEXT
from rules.errors import FailoverErrorType as ErrorType
from rules.identity import vm_identity, vm_marks
from simulators.cloudstack import sample
from simulators.cloudstack.entities import VmState
from simulators.vma import sample as vcenter
from tests.faults.conftest import Endings
from tests.faults.stories import Ended, Stage, Story
from tests.support.site import TEST

_DEPLOY = "deployVirtualMachine"
_NONE: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Stranger:
    """Somebody else's VM, put there before the run begins."""

    name: str
    network: str
    state: VmState = VmState.STOPPED
    plain_account: bool = False
    mac: str = ""

    async def __call__(self, stage: Stage) -> Ended:
        account = stage.site.cloud.world.plain if self.plain_account else None
        vm = stage.add_stranger(self.name, self.network, state=self.state, account=account)
        if self.mac:
            vm.nics[0].mac = self.mac
        ended = await stage.run()
        assert (vm.state, vm.removed) == (self.state, False), "it is nobody's business"
        return ended


def _taken(title: str, stranger: _Stranger) -> Story:
    return Story(title, ends=ErrorType.VM_NAME_TAKEN.value, vms=_NONE, submits=0, plot=stranger)


def _free(title: str, stranger: _Stranger) -> Story:
    return Story(title, submits=1, plot=stranger)


async def _stranger_after_the_check(stage: Stage) -> Ended:
    handle = await stage.start()
    await stage.gate.reached()
    stranger = stage.add_stranger("pgtest1", sample.PROD_LAN_ID)
    stage.gate.open()
    ended = await stage.end_of(handle)
    assert not stranger.removed
    return ended


NAMES = (
    *(
        _taken(
            f"name taken on a decided network by a VM that is {state.value}",
            _Stranger("pgtest1", sample.PROD_LAN_ID, state),
        )
        for state in (VmState.STOPPED, VmState.RUNNING, VmState.DESTROYED, VmState.ERROR)
    ),
    _taken("name taken on the second NIC's network", _Stranger("pgtest1", sample.PROD_DMZ_ID)),
    _taken(
        "name taken by another account on a shared network",
        _Stranger("pgtest1", sample.PROD_LAN_ID, plain_account=True),
    ),
    _taken("name taken in other letter case", _Stranger("PgTest1", sample.PROD_LAN_ID)),
    _free("name used on a network that is not decided", _Stranger("pgtest1", sample.DEFAULT_NET_ID)),
    _free("a longer name on the same network", _Stranger("pgtest1-old", sample.PROD_LAN_ID)),
    Story(
        "name taken between check and create",
        ends=ErrorType.CLOUDSTACK_REFUSED.value,
        vms=_NONE,
        submits=1,
        gate=("CreateVMActivity", 1),
        plot=_stranger_after_the_check,
    ),
    Story(
        "a test VM has a name of its own, whatever is there",
        submits=1,
        request=dict(TEST),
        plot=_Stranger("pgtest1", sample.TEST_LAN_ID),
    ),
)

ADDRESSES = (
    *(
        Story(
            f"MAC address taken in the network by a VM that is {state.value}",
            ends=ErrorType.CLOUDSTACK_REFUSED.value,
            vms=_NONE,
            submits=1,
            plot=_Stranger("other", sample.PROD_LAN_ID, state, mac=vcenter.PGTEST1_MACS[0]),
        )
        for state in (VmState.RUNNING, VmState.DESTROYED)
    ),
    _free(
        "MAC address used in another network",
        _Stranger("other", sample.DEFAULT_NET_ID, mac=vcenter.PGTEST1_MACS[0]),
    ),
    Story(
        "MAC address taken, and the policy asks for new ones",
        submits=1,
        settings={"FAILOVER_LIVE_MAC": "new"},
        plot=_Stranger("other", sample.PROD_LAN_ID, mac=vcenter.PGTEST1_MACS[0]),
    ),
)


async def _no_room(stage: Stage) -> Ended:
    stage.site.cloud.world.admin.limits["user_vm"] = 0
    return await stage.run()


async def _no_address_left(stage: Stage) -> Ended:
    # canusefordeploy is false then: the check says so before anything is created.
    network = stage.site.cloud.world.networks[sample.PROD_LAN_ID]
    network.start_ip = network.end_ip = "10.10.0.10"
    stage.add_stranger("other", sample.PROD_LAN_ID)
    return await stage.run()


LIMITS = (
    Story("quota is used up", ends=ErrorType.QUOTA_EXCEEDED.value, vms=_NONE, submits=1, plot=_no_room),
    Story(
        "no address is left in the network",
        ends=ErrorType.DESTINATION_CHECK_FAILED.value,
        vms=_NONE,
        submits=0,
        plot=_no_address_left,
    ),
)


@dataclass(frozen=True)
class _EarlierVm:
    """A VM of this failover's first generation that an earlier attempt left."""

    state: VmState
    has_nics: bool = True

    async def __call__(self, stage: Stage) -> Ended:
        world, run = stage.site.cloud.world, f"{stage.site.task_queue}-known"
        identity = vm_identity(run, PGTEST1_CONTEXT, 1)
        networks = [sample.PROD_LAN_ID, sample.PROD_DMZ_ID] if self.has_nics else []
        vm = world.add_vm(
            "pgtest1",
            [world.networks[one] for one in networks],
            vm_id=identity,
            state=self.state,
            details=vm_marks(run, PGTEST1_CONTEXT, "live", identity),
        )
        for nic, mac in zip(vm.nics, vcenter.PGTEST1_MACS, strict=False):
            nic.mac = mac
        if self.state is VmState.EXPUNGING:
            world.expunge(vm)
        return await stage.run(workflow_id=run)


GENERATIONS = (
    (Story("Stopped: it is adopted", submits=0, plot=_EarlierVm(VmState.STOPPED)), 1),
    (Story("Running: it is adopted", submits=0, plot=_EarlierVm(VmState.RUNNING)), 1),
    (Story("Error: it is removed", submits=1, plot=_EarlierVm(VmState.ERROR, has_nics=False)), 2),
    (Story("Destroyed: it is expunged", submits=1, plot=_EarlierVm(VmState.DESTROYED)), 2),
    (Story("expunged: its id is spent", submits=1, plot=_EarlierVm(VmState.EXPUNGING)), 2),
)


@pytest.mark.parametrize("story", NAMES, ids=str)
async def test_name(story: Story, endings: Endings) -> None:
    _assert_as_told(story, endings)


@pytest.mark.parametrize("story", ADDRESSES, ids=str)
async def test_address(story: Story, endings: Endings) -> None:
    _assert_as_told(story, endings)


@pytest.mark.parametrize("story", LIMITS, ids=str)
async def test_limit(story: Story, endings: Endings) -> None:
    _assert_as_told(story, endings)


@pytest.mark.parametrize(("story", "generation"), GENERATIONS, ids=[str(story) for story, _ in GENERATIONS])
async def test_vm_of_an_earlier_attempt_that_is(story: Story, generation: int, endings: Endings) -> None:
    ended = _assert_as_told(story, endings)
    assert ended.result is not None
    assert ended.result.vm.generation == generation
    assert ended.result.vm.id == vm_identity(ended.workflow_id, PGTEST1_CONTEXT, generation)
    assert ended.result.vm.adopted is (generation == 1)


def _assert_as_told(story: Story, endings: Endings) -> Ended:
    ended = endings.of(story)
    assert (ended.type, ended.states, ended.count(_DEPLOY)) == (story.ends, story.vms, story.submits)
    return ended
