"""The lines of docs/operate.md that are about whole failovers, on a site with replicated disks."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest_asyncio
from temporalio.client import Client

from simulators.cloudstack import Fault, FaultKind, VmState
from simulators.vma.inventory import POWERED_OFF, POWERED_ON
from simulators.vma.sample import PGTEST1_ID
from tests.cli.command import FailoverCommand, Printed
from tests.client.waiting import eventually
from tests.docs.doc_pages import DOCS, README, commands
from tests.docs.test_docs_commands import Shell
from tests.support.whole import WholeSite
from tests.support.whole_sites import whole_site_with_worker

_OPERATE = DOCS / "operate.md"
_LIVE, _TEST = "failover-live-pgtest1", "failover-test-pgtest1"
_APPLIANCE = "replication-appliance"


@pytest_asyncio.fixture(loop_scope="session")
async def whole(temporal_client: Client, tmp_path: Path) -> AsyncIterator[WholeSite]:
    settings = {"FAILOVER_DISKS": "replicated"}
    async with whole_site_with_worker(temporal_client, tmp_path, settings=settings) as made:
        yield made


class Ways:
    """Both programs on one site, with its own workflow ids."""

    def __init__(self, whole: WholeSite, cli: Path, home: Path) -> None:
        self.temporal = Shell(cli, whole.site, home)
        self._failover = FailoverCommand(whole.site, home)

    async def failover(self, words: Sequence[str]) -> Printed:
        """Run a line of ``failover``."""
        return await self._failover(*(self.own(word) for word in words[1:]))

    def own(self, word: str) -> str:
        """The same word on this site."""
        return self.temporal.workflow_id(word)


@pytest_asyncio.fixture(loop_scope="session")
async def ways(whole: WholeSite, temporal_cli: Path, tmp_path: Path) -> Ways:
    return Ways(whole, temporal_cli, tmp_path)


def _lines(program: str, *wanted: str, page: Path = _OPERATE) -> list[list[str]]:
    found = [words for words in commands(page, program) if {*wanted} <= {*words}]
    assert found, wanted
    return found


def _update(name: str, workflow_id: str) -> list[str]:
    (line,) = _lines("temporal", "update", name, workflow_id)
    return line


async def test_the_lines_of_a_live_failover_start_it_and_give_it_back(whole: WholeSite, ways: Ways) -> None:
    (preflight,) = _lines("failover", "preflight")
    assert (await ways.failover(preflight)).code == 0
    (start, *_) = _lines("failover", "start", "live", "--request-id")
    started = await ways.failover([*start, "--wait"])
    assert started.code == 0, started
    (resume,) = _lines("failover", "resume")
    assert (await ways.failover(resume)).code == 3, "it does not hold"
    rollback, *_ = _lines("failover", "rollback")
    back = await ways.failover(rollback)
    assert back.code == 0, back
    assert "rolled_back" in await ways.temporal(_lines("temporal", "result", f"{_LIVE}-commit")[0])
    assert whole.site.vma.vm(PGTEST1_ID).power_state == POWERED_ON


async def test_the_temporal_lines_of_a_lost_source_start_it_and_give_it_back(
    whole: WholeSite, ways: Ways
) -> None:
    whole.site.vma.vm(PGTEST1_ID).power_state = POWERED_OFF
    (start,) = [words for words in _lines("temporal", "start") if "source_lost" in " ".join(words)]
    await ways.temporal(start)
    result = await ways.temporal(["temporal", "workflow", "result", "--workflow-id", _LIVE])
    assert "the site burns, ticket 4712" in result
    await ways.temporal(_update("roll_back", f"{_LIVE}-commit"))
    await ways.temporal(["temporal", "workflow", "result", "--workflow-id", f"{_LIVE}-commit"])
    assert [vm.name for vm in whole.site.vms()] == [_APPLIANCE]
    (lost,) = [words for words in _lines("failover", "start") if "--source-lost" in words]
    again = await ways.failover([*lost, "--wait"])
    assert again.code == 0, again


async def test_the_commit_lines_keep_the_vm(whole: WholeSite, ways: Ways) -> None:
    (start, *_) = _lines("failover", "start", "live", "--request-id")
    assert (await ways.failover([*start, "--wait"])).code == 0
    await ways.temporal(_update("commit", f"{_LIVE}-commit"))
    (commit,) = _lines("failover", "commit")
    over = await ways.failover(commit)
    assert (over.code, "it is over" in over.errors) == (3, True)
    assert "pgtest1" in {vm.name for vm in whole.site.running()}


async def test_the_lines_of_a_test_let_it_live_longer_and_clean_it_up(whole: WholeSite, ways: Ways) -> None:
    start, *_ = _lines("temporal", "start", _TEST)
    await ways.temporal(start)
    await ways.temporal(["temporal", "workflow", "result", "--workflow-id", _TEST])
    (extend,) = _lines("failover", "extend")
    assert (await ways.failover(extend)).code == 0
    await ways.temporal(_update("extend", f"{_TEST}-cleanup"))
    await ways.temporal(_update("clean_up_now", f"{_TEST}-cleanup"))
    (cleanup,) = _lines("failover", "cleanup")
    assert (await ways.failover(cleanup)).code in {0, 3}, "it may be over by now"
    await ways.temporal(["temporal", "workflow", "result", "--workflow-id", f"{_TEST}-cleanup"])
    assert [vm.name for vm in whole.site.vms()] == [_APPLIANCE]


async def test_the_lines_for_a_run_that_holds_let_it_go_on_or_give_it_back(
    whole: WholeSite, ways: Ways
) -> None:
    (start, *_) = _lines("failover", "start", "live", "--request-id")
    for order in ("resume", "roll_back"):
        whole.site.cloud.faults.add(Fault("startVirtualMachine", FaultKind.JOB_SLOW, seconds=2))
        line = [word.replace(_LIVE, f"{_LIVE}-{order}") for word in start]
        await ways.failover(line)

        async def starting() -> bool:
            return any(vm.state is VmState.STARTING for vm in whole.site.vms())

        await eventually(starting)
        cancelled = await ways.failover(["failover", "cancel", f"{_LIVE}-{order}", "--wait"])
        assert cancelled.code == 7, cancelled
        update = [word.replace(_LIVE, f"{_LIVE}-{order}") for word in _update(order, _LIVE)]
        await ways.temporal(update)
        ended = await ways.failover(["failover", "watch", f"{_LIVE}-{order}"])
        if order == "resume":
            assert ended.code == 0, ended
            rollback = _lines("failover", "rollback")[1]
            assert (
                await ways.failover([word.replace(_LIVE, f"{_LIVE}-{order}") for word in rollback])
            ).code == 0
        else:
            assert "rolled back by jane: it does not boot" in ended.output
    assert [vm.name for vm in whole.site.vms()] == [_APPLIANCE]


async def test_the_lines_of_the_readme_end_what_it_started(whole: WholeSite, ways: Ways) -> None:
    start, _, *ends = commands(README, "./failover")
    assert (await ways.failover([*start, "--wait"])).code == 0
    (rollback,) = [words for words in ends if words[1] == "rollback"]
    assert (await ways.failover(rollback)).code == 0
    assert {words[1] for words in ends} == {"preflight", "commit", "rollback"}
    assert whole.site.vma.vm(PGTEST1_ID).power_state == POWERED_ON
