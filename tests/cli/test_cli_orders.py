"""Preflight and orders on the command line, on a site with replicated disks."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client

from embedded.seed import PGTEST1_CONTEXT
from simulators.cloudstack import Fault, FaultKind, VmState
from simulators.vma.inventory import POWERED_ON
from simulators.vma.sample import PGTEST1_ID
from tests.cli.command import FailoverCommand
from tests.client.waiting import eventually
from tests.support.whole import WHOLE_LIVE, WholeSite
from tests.support.whole_sites import whole_site_with_worker

_REPLICATED = ("--disks", "replicated")
_LOSS = ("--acknowledge-data-loss", "--reason", "a false alarm")


@pytest_asyncio.fixture(loop_scope="session")
async def whole(temporal_client: Client, tmp_path: Path) -> AsyncIterator[WholeSite]:
    async with whole_site_with_worker(temporal_client, tmp_path) as made:
        yield made


@pytest.fixture
def command(whole: WholeSite, tmp_path: Path) -> FailoverCommand:
    return FailoverCommand(whole.site, tmp_path)


async def test_the_preflight_is_a_table_and_its_code_says_whether_the_failover_would_be_accepted(
    command: FailoverCommand,
) -> None:
    arguments = ("preflight", PGTEST1_CONTEXT, "--type", "live", *_REPLICATED)
    ready, as_json, wrong = await command.each(
        arguments, (*arguments, "--json"), (*arguments, "--test-duration", "2h")
    )
    assert ready.code == 0, ready
    assert ready.output.startswith("ready: live failover of pgtest1\n")
    assert re.search(r"^  pass +\w+ +\S", ready.output, re.MULTILINE)
    assert re.search(r"^  0 \(boot\) +disk-2000 ", ready.output, re.MULTILINE)
    assert "recovery point: sync " in ready.output
    assert as_json.json()["ready"] is True
    assert len(as_json.json()["checks"]) == len(
        re.findall(r"^  (?:pass|WARNING) ", ready.output, re.MULTILINE)
    )
    assert wrong.code == 2
    assert "test_duration" in wrong.errors

    lost = await command(*arguments, "--source-lost", "--reason", "the site burns")
    assert lost.code == 3, "the source is on"
    assert lost.output.startswith("not ready: live failover of pgtest1: SourceNotLost: ")
    assert re.search(r"^  FAILURE  source_lost .*\n +fix: \S", lost.output, re.MULTILINE)
    started = await command("start", *arguments[1:], "--source-lost", "--reason", "the site burns")
    assert started.code == 3
    assert "FAILURE  source_lost" in started.output


async def test_a_drill_shows_how_long_it_lives_and_is_extended_and_cleaned_up(
    command: FailoverCommand,
) -> None:
    run = await command(
        *("start", PGTEST1_CONTEXT, "--type", "test", *_REPLICATED, "--test-duration", "4h", "--wait")
    )
    assert run.code == 0, run
    found = re.match(r"completed: test failover of pgtest1, (\S+)\n", run.output)
    assert found is not None
    workflow_id = found[1]
    assert "proven: disks (" in run.output
    assert "disks: 2 clones attached" in run.output
    assert f"failover cleanup {workflow_id} --wait" in run.output
    assert f"failover extend {workflow_id} 4h" in run.output
    longer, never = await command.each(("extend", workflow_id, "2d"), ("extend", workflow_id, "400d"))
    assert longer.code == 0
    assert longer.output.startswith("taken: extend, ")
    assert "lives until 20" in longer.output
    assert never.code == 3
    assert "test_duration: must be more than 0" in never.errors
    gone = await command("cleanup", workflow_id, "--wait", "--json")
    assert gone.code == 0
    assert gone.json()["end"] == "cleaned_up"
    again, status = await command.each(("cleanup", workflow_id), ("status", workflow_id))
    assert again.code == 3
    assert (
        again.errors
        == f"OrderRefused: {workflow_id}-cleanup: it is over; the status of the failover says how\n"
    )
    assert f"then: cleaned_up, {workflow_id}-cleanup" in status.output


async def test_a_live_vm_is_given_back_by_the_line_that_the_result_shows(
    whole: WholeSite, command: FailoverCommand
) -> None:
    run = await command(
        "start",
        PGTEST1_CONTEXT,
        "--type",
        "live",
        *_REPLICATED,
        "--wait",
        "--request-id",
        f"live-{whole.site.task_queue}",
    )
    workflow_id = f"live-{whole.site.task_queue}"
    assert run.code == 0, run
    assert re.search(r"^reached: RPO 0 s, RTO \d+ s, outage \d+ s$", run.output, re.MULTILINE)
    assert re.search(r"^source: powered off by this failover at .* \(graceful\)$", run.output, re.MULTILINE)
    assert len(re.findall(r"^rollback snapshot: \S+ \S+ of volume", run.output, re.MULTILINE)) == 2
    assert f"failover commit {workflow_id} --wait" in run.output
    shown = re.search(r"failover (rollback .*) --reason 'WHY' (--wait)", run.output)
    assert shown is not None
    careless, unknown = await command.each(
        ("rollback", workflow_id, "--reason", "x"), ("commit", "nobody", "--json")
    )
    assert (careless.code, unknown.code) == (2, 4)
    assert "--acknowledge-data-loss" in careless.errors
    assert unknown.json()["error"]["type"] == "FailoverNotFound"
    back = await command(*shown[1].split(), "--reason", "a false alarm", shown[2])
    assert back.code == 0, back
    assert back.output.startswith(f"rolled_back: {workflow_id}\n")
    assert "restored: source VM: powered on" in back.output
    assert whole.site.vma.vm(PGTEST1_ID).power_state == POWERED_ON


async def test_a_run_that_holds_ends_every_wait_and_shows_its_two_orders(
    whole: WholeSite, command: FailoverCommand
) -> None:
    whole.site.cloud.faults.add(Fault("startVirtualMachine", FaultKind.JOB_SLOW, seconds=4))
    workflow_id = f"held-{whole.site.task_queue}"
    await whole.site.start(WHOLE_LIVE, workflow_id=workflow_id)

    async def starting() -> bool:
        return any(vm.state is VmState.STARTING for vm in whole.site.vms())

    await eventually(starting)
    cancelled = await command("cancel", workflow_id, "--wait")
    assert cancelled.code == 7, cancelled
    assert cancelled.output.startswith(f"held: live failover of pgtest1, {workflow_id}\n")
    assert "HELD, since the new VM has started: it was cancelled" in cancelled.output
    assert f"failover resume {workflow_id} --wait" in cancelled.output
    watched, listed = await command.each(("watch", workflow_id), ("list", "--outcome", "held"))
    assert watched.code == 7
    assert workflow_id in listed.output
    back = await command("rollback", workflow_id, *_LOSS, "--force-stop", "--user-id", "jane", "--wait")
    assert back.code == 0, back
    assert "rolled back by jane: a false alarm" in back.output
    assert "restored: source VM: powered on" in back.output
