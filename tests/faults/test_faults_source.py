"""The source side: silent, the NICs come from what is stored; answering no, the run is refused."""

from collections.abc import Awaitable, Callable

import pytest

from embedded.seed import PGTEST2_CONTEXT
from rules.errors import FailoverErrorType as ErrorType
from rules.nics import NicSource
from simulators.cloudstack import sample
from simulators.vma import sample as vcenter
from tests.faults.conftest import Endings
from tests.faults.stories import Ended, Stage, Story
from tests.support.site import LIVE, TEST

_QUICK = {"VMA_TIMEOUT_SECONDS": 0.4, "FAILOVER_HEARTBEAT_SECONDS": 2}
_Plot = Callable[[Stage], Awaitable[Ended]]


def _after(*changes: str, down: str = "") -> _Plot:
    """Change the database, take a part of the source side down, and run."""

    async def plot(stage: Stage) -> Ended:
        await stage.site.sql(*changes)
        if down == "agent":
            await stage.site.vma.stop()
        elif down == "tunnel":
            stage.site.vma.hang(60)
        elif down == "vcenter":
            stage.site.vma.set_vcenter_down(vcenter.VCENTER_HOST)
        return await stage.run()

    return plot


async def _vm_is_gone(stage: Stage) -> Ended:
    vms = stage.site.vma.vcenters[vcenter.VCENTER_HOST].vms
    vms[:] = [vm for vm in vms if vm.id != vcenter.PGTEST1_ID]
    return await stage.run()


async def _vm_was_renamed(stage: Stage) -> Ended:
    stage.site.vma.vm(vcenter.PGTEST1_ID).name = "another-name"
    return await stage.run()


_NOT_STORED = "UPDATE vm_disks SET network_config = NULL"

STORED = (
    Story("the agent is down", settings=_QUICK, plot=_after(down="agent")),
    Story("the tunnel hangs", settings=_QUICK, plot=_after(down="tunnel")),
    Story("its vCenter is down", settings=_QUICK, plot=_after(down="vcenter")),
    Story("the agent is down, a test", settings=_QUICK, request=dict(TEST), plot=_after(down="agent")),
)

OLD = Story(
    "the agent is down, and what is stored is old",
    settings=_QUICK,
    plot=_after("UPDATE vm_disks SET updated_at = '2025-01-01 00:00:00'", down="agent"),
)

INFERRED = tuple(
    Story(f"the {part} is down, nothing is stored", settings=_QUICK, plot=_after(_NOT_STORED, down=part))
    for part in ("agent", "tunnel", "vcenter")
)


def _refused(title: str, ends: ErrorType, plot: _Plot, *, request: dict[str, str] = LIVE) -> Story:
    return Story(title, ends=ends.value, vms=(), settings=_QUICK, request=dict(request), plot=plot)


REFUSED = (
    _refused(
        "a wrong password",
        ErrorType.SOURCE_REFUSED,
        _after("UPDATE vmware_credentials SET password_encrypted = 'TEMP_PLAINTEXT_not-the-password'"),
    ),
    _refused(
        "an unknown datacenter",
        ErrorType.SOURCE_REFUSED,
        _after("UPDATE vm_replication_contexts SET datacenter = 'DC9'"),
    ),
    _refused("no VM of this uuid", ErrorType.SOURCE_VM_NOT_FOUND, _vm_is_gone),
    _refused(
        "no credential",
        ErrorType.CONFIGURATION_ERROR,
        _after(
            "UPDATE vm_replication_contexts SET credential_id = NULL",
            "UPDATE vmware_credentials SET is_default = 0",
        ),
    ),
    _refused(
        "the agent is down and what is stored is damaged",
        ErrorType.STORED_DATA_UNREADABLE,
        _after("UPDATE vm_disks SET network_config = '[{'", down="agent"),
    ),
    _refused(
        "the agent is down and nobody knows a NIC",
        ErrorType.SOURCE_NICS_UNKNOWN,
        _after(_NOT_STORED, down="agent"),
        request={"context_id": PGTEST2_CONTEXT, "failover_type": "live"},
    ),
)

RENAMED = Story("the VM has another name now", plot=_vm_was_renamed)


@pytest.mark.parametrize("story", STORED, ids=str)
async def test_nics_come_from_the_database_when(story: Story, endings: Endings) -> None:
    ended = _assert_as_told(story, endings)
    result = ended.result
    assert result is not None
    assert (result.nic_source, result.nics_inferred) == (NicSource.DATABASE, False)
    assert result.nic_source_observed_at is not None
    assert result.nic_source_age_seconds is not None
    assert 0 <= result.nic_source_age_seconds < 3600
    assert "does not answer" in result.nic_source_reason
    assert any("source NICs from database" in warning for warning in result.warnings)
    assert ended.vms[0].macs == vcenter.PGTEST1_MACS


@pytest.mark.parametrize("story", (OLD,), ids=str)
async def test_the_result_says_the_age_when(story: Story, endings: Endings) -> None:
    result = _assert_as_told(story, endings).result
    assert result is not None
    assert result.nic_source_observed_at is not None
    assert result.nic_source_observed_at.year == 2025
    assert result.nic_source_age_seconds is not None
    assert result.nic_source_age_seconds > 300 * 24 * 3600


@pytest.mark.parametrize("story", INFERRED, ids=str)
async def test_nics_are_inferred_from_the_mapping_rows_when(story: Story, endings: Endings) -> None:
    ended = _assert_as_told(story, endings)
    result = ended.result
    assert result is not None
    assert (result.nic_source, result.nics_inferred) == (NicSource.MAPPINGS, True)
    assert result.nic_source_observed_at is None
    assert any("inferred" in warning for warning in result.warnings)
    assert ended.vms[0].networks == (sample.PROD_LAN_ID, sample.PROD_DMZ_ID)
    assert not set(ended.vms[0].macs) & set(vcenter.PGTEST1_MACS), "no row knows a MAC address"


@pytest.mark.parametrize("story", REFUSED, ids=str)
async def test_refused_is(story: Story, endings: Endings) -> None:
    ended = _assert_as_told(story, endings)
    assert ended.count("deployVirtualMachine") == 0
    assert "not-the-password" not in ended.message


@pytest.mark.parametrize("story", (RENAMED,), ids=str)
async def test_the_uuid_decides_when(story: Story, endings: Endings) -> None:
    ended = _assert_as_told(story, endings)
    assert ended.result is not None
    assert ended.result.nic_source is NicSource.VMA


def _assert_as_told(story: Story, endings: Endings) -> Ended:
    ended = endings.of(story)
    assert (ended.type, ended.states) == (story.ends, story.vms)
    return ended
