"""``watch``, ``status``, ``list`` and ``cancel``."""

import asyncio
import json
import signal

import pytest

from client import FailoverStatus, FailoverSummary, RunOutcome, StepState
from embedded.seed import PGTEST1_CONTEXT, PGTEST2_CONTEXT
from simulators.cloudstack import Fault, FaultKind
from tests.cli.command import FailoverCommand, Printed, ended
from tests.client.waiting import eventually
from tests.support.site import LIVE, TEST, Site, activity_started

_SLOW = 4


@pytest.fixture
async def running(site: Site) -> str:
    """A live failover whose VM takes a while to be made."""
    site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.JOB_SLOW, seconds=_SLOW))
    handle = await site.start(LIVE)
    await activity_started(handle, "WaitForJobActivity")
    return handle.id


async def test_watch_prints_each_step_and_then_the_end(failover: FailoverCommand, running: str) -> None:
    printed = await failover("watch", running)
    assert printed.code == 0
    steps, _, end = printed.output.partition("completed: ")
    assert "Resolve 2 NICs for live" in steps
    assert "Wait for CloudStack: the VM is created" in steps
    assert all(line.startswith("ok  ") for line in steps.splitlines())
    assert end.startswith(f"live failover of pgtest1, {running}\n")
    assert "VM pgtest1 Running in CloudStack" in end


async def test_watch_with_json_is_one_object_for_each_line_as_it_happens(
    site: Site, failover: FailoverCommand, running: str
) -> None:
    process = await failover.begin("watch", running, "--json")
    assert process.stdout is not None
    first = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
    assert first["event"] == "step"
    assert first["step"]["state"] == StepState.STARTED
    assert not site.running(), "it is told before the run is over"
    printed = await ended(process)
    assert printed.code == 0
    *steps, last = printed.json_lines()
    assert {line["event"] for line in steps} == {"step"}
    assert [line["step"]["activity"] for line in (first, *steps)][:2] == ["LoadContextActivity"] * 2
    assert last["event"] == "end"
    assert FailoverStatus.model_validate(last["run"]).outcome is RunOutcome.COMPLETED


async def test_interrupting_a_watch_leaves_the_run_alone(
    site: Site, failover: FailoverCommand, running: str
) -> None:
    process = await failover.begin("watch", running)
    assert process.stdout is not None
    await asyncio.wait_for(process.stdout.readline(), 60)
    process.send_signal(signal.SIGINT)
    printed = await ended(process)
    assert printed.code == 130
    assert f"failover watch {running}" in printed.errors
    assert "Traceback" not in printed.errors
    assert json.loads((await failover("status", running, "--json")).output)["outcome"] == "running"
    assert (await failover("watch", running)).code == 0
    assert len(site.running()) == 1


async def test_watch_ends_with_the_code_of_the_run(site: Site, failover: FailoverCommand) -> None:
    handle = await site.start({"context_id": "ctx-none", "failover_type": "live"})
    assert (await failover("watch", handle.id)).code == 4
    invalid = await site.start({"context_id": PGTEST1_CONTEXT})
    assert (await failover("watch", invalid.id)).code == 2
    site.cloud.faults.add(Fault("listVirtualMachines", FaultKind.WRONG_MAC, times=None))
    failed = await site.start(LIVE)
    printed = await failover("watch", failed.id)
    assert printed.code == 1
    steps = [line for line in printed.output.splitlines() if " s  " in line]
    assert [line.startswith("failed ") for line in steps].count(True) == 1


async def test_the_status_of_a_running_failover(failover: FailoverCommand, running: str) -> None:
    printed = await failover("status", running)
    assert printed.code == 0
    assert printed.output.startswith(f"running: live failover of pgtest1, {running}\n")
    assert "step: Wait for CloudStack: the VM is created" in printed.output
    assert "prod-dmz" in printed.output
    status = FailoverStatus.model_validate((await failover("status", running, "--json")).json())
    assert status.open
    assert status.step == "Wait for CloudStack: the VM is created"
    await failover("watch", running)


async def test_the_status_says_why_a_step_is_tried_again(site: Site, failover: FailoverCommand) -> None:
    site.cloud.faults.add(Fault("listZones", FaultKind.MAINTENANCE, times=None))
    handle = await site.start(LIVE)

    async def trouble() -> Printed | None:
        printed = await failover("status", handle.id)
        return printed if "trying again" in printed.output else None

    assert "CloudStackUnavailable" in (await eventually(trouble)).output
    site.cloud.faults.clear()
    await handle.result()


async def test_the_list_is_filtered(site: Site, failover: FailoverCommand) -> None:
    live, test = await site.run(LIVE), await site.run(TEST)
    other = await site.run({"context_id": PGTEST2_CONTEXT, "failover_type": "live"})

    async def listed(*options: str) -> list[str] | None:
        runs = [
            FailoverSummary.model_validate(one)
            for one in (await failover("list", "--json", *options, "--limit", "500")).json()
        ]
        ours = {live.workflow_id, test.workflow_id, other.workflow_id}
        return [run.workflow_id for run in runs if run.workflow_id in ours]

    async def all_there() -> list[str] | None:
        found = await listed()
        return found if found and len(found) == 3 else None

    assert await eventually(all_there) == [other.workflow_id, test.workflow_id, live.workflow_id]
    completed = [other.workflow_id, test.workflow_id, live.workflow_id]
    found = await asyncio.gather(
        listed("--type", "test"),
        listed("--vm", "pgtest2"),
        listed("--context", PGTEST1_CONTEXT, "--type", "live"),
        listed("--outcome", "completed"),
        listed("--outcome", "failed"),
    )
    assert [*found] == [[test.workflow_id], [other.workflow_id], [live.workflow_id], completed, []]

    printed = await failover("list", "--limit", "1")
    head, *rows = printed.output.splitlines()
    assert head.split() == ["STARTED", "OUTCOME", "TYPE", "VM", "CONTEXT", "WORKFLOW", "ID"]
    assert len(rows) == 1
    nothing = await failover("list", "--vm", "no such vm")
    assert (nothing.code, nothing.output, nothing.errors) == (0, "", "")
    assert (await failover("list", "--vm", "no such vm", "--json")).json() == []


async def test_a_cancel_that_waits_ends_when_all_is_undone(
    site: Site, failover: FailoverCommand, running: str
) -> None:
    printed = await failover("cancel", running, "--wait", "--json")
    assert printed.code == 0
    assert FailoverStatus.model_validate(printed.json()).outcome is RunOutcome.CANCELLED
    assert site.vms() == []
    again = await failover("cancel", running)
    assert again.code == 3
    assert f"{running} is over already: cancelled" in again.errors


async def test_a_cancel_returns_at_once_unless_it_waits(failover: FailoverCommand, running: str) -> None:
    printed = await failover("cancel", running, "--reason", "wrong VM")
    assert printed.code == 0
    assert printed.output == f"cancel requested: {running}\n"
    assert (await failover("watch", running)).code == 1


async def test_an_unknown_id_is_not_found(failover: FailoverCommand) -> None:
    commands = ("status", "watch", "cancel")
    for printed in await failover.each(*((command, "nobody") for command in commands)):
        assert (printed.code, printed.output) == (4, "")
        assert "nobody" in printed.errors
    for as_json in await failover.each(*((command, "nobody", "--json") for command in commands)):
        assert as_json.code == 4
        assert as_json.json()["error"]["type"] == "FailoverNotFound"
        assert as_json.json()["error"]["workflow_id"] == "nobody"
