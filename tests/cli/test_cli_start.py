"""``failover start``: what it sends, what it prints, and its exit code for every way to be refused."""

import asyncio
import json
import signal
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError

from cli.codes import ExitCode, code_of_acceptance
from client import FailoverClient, FailoverStatus, RunOutcome
from embedded.seed import PGTEST1_CONTEXT, PGTEST2_CONTEXT
from rules.errors import FailoverErrorType
from rules.outcomes import Acceptance
from rules.temporal_names import FAILOVER_WORKFLOW
from simulators.cloudstack import Fault, FaultKind
from simulators.cloudstack import sample as cloud
from tests.cli.command import FailoverCommand, ended
from tests.cli.unlucky import Unlucky, answers
from tests.client.waiting import eventually
from tests.support.site import LIVE, Site, activity_started

_LIVE = ("start", PGTEST1_CONTEXT, "--type", "live")
_TEST = ("start", PGTEST1_CONTEXT, "--type", "test")


async def _request_of(site: Site, workflow_id: str) -> Any:  # noqa: ANN401 - the JSON that was sent
    async for event in site.client.get_workflow_handle(workflow_id).fetch_history_events():
        payloads = event.workflow_execution_started_event_attributes.input.payloads
        (request,) = await site.client.data_converter.decode(payloads)
        return request
    raise AssertionError("no history")


async def test_a_start_answers_with_the_decisions_and_leaves_the_run_to_itself(
    site: Site, failover: FailoverCommand
) -> None:
    printed = await failover(*_LIVE)
    assert printed.code == 0
    assert printed.errors == ""
    head, columns, *nics = printed.output.splitlines()
    assert head.startswith(f"accepted: live failover of pgtest1, failover-live-{PGTEST1_CONTEXT}-")
    assert columns.split() == ["NIC", "SOURCE", "NETWORK", "DESTINATION", "NETWORK", "ID", "RULE"]
    assert [line.split() for line in nics] == [
        ["0", "VM", "Network", "prod-lan", cloud.PROD_LAN_ID, "mapped"],
        ["1", "DMZ", "Network", "prod-dmz", cloud.PROD_DMZ_ID, "mapped"],
    ]
    workflow_id = head.rpartition(" ")[2]
    client = FailoverClient(site.client)
    assert (await client.wait(workflow_id)).outcome is RunOutcome.COMPLETED


async def test_with_json_the_answer_is_an_acceptance(failover: FailoverCommand) -> None:
    printed = await failover(*_TEST, "--json")
    answer = Acceptance.model_validate(printed.json())
    assert printed.code == 0
    assert answer.accepted
    assert [one.destination_network_name for one in answer.decisions] == ["test-lan", "test-dmz"]


async def test_with_wait_it_ends_with_the_run(site: Site, failover: FailoverCommand) -> None:
    printed = await failover(*_TEST, "--wait")
    assert printed.code == 0
    assert printed.output.startswith("completed: test failover of pgtest1, failover-test-")
    assert "disks: none attached" in printed.output
    assert "test-dmz" in printed.output
    assert "Resolve" not in printed.output, "steps are for people who look on"
    assert len(site.running()) == 1

    as_json = FailoverStatus.model_validate((await failover(*_LIVE, "--wait", "--json")).json())
    assert as_json.outcome is RunOutcome.COMPLETED
    assert as_json.vm is not None
    assert as_json.vm.name == "pgtest1"


async def test_every_option_of_the_request_is_sent(site: Site, failover: FailoverCommand) -> None:
    vmware_id = "11111111-2222-3333-4444-555555555555"
    printed = await failover(
        *(*_TEST, "--request-id", "every-option", "--json"),
        *("--vm-name", "pgtest1", "--vmware-vm-id", vmware_id, "--vm-id", vmware_id),
        *("--network-strategy", "custom", "--network", f"VM Network={cloud.TEST_LAN_ID}"),
        *("--network", f"DMZ=odd={cloud.TEST_DMZ_ID}", "--vm-naming", "suffixed"),
        *("--allow-production-network", "--reason", "a drill on purpose", "--user-id", "anna"),
    )
    assert await _request_of(site, "every-option") == {
        "context_id": PGTEST1_CONTEXT,
        "failover_type": "test",
        "vm_name": "pgtest1",
        "vmware_vm_id": vmware_id,
        "vm_id": vmware_id,
        "network_strategy": "custom",
        "network_mappings": {"VM Network": cloud.TEST_LAN_ID, "DMZ=odd": cloud.TEST_DMZ_ID},
        "vm_naming": "suffixed",
        "allow_production_network": True,
        "reason": "a drill on purpose",
        "user_id": "anna",
    }
    assert printed.code == 2, "the ids are not the context's"
    assert printed.json()["error_type"] == FailoverErrorType.INVALID_REQUEST


async def test_who_asks_is_the_login_name_unless_said(site: Site, failover: FailoverCommand) -> None:
    await failover(*_TEST, "--request-id", "who", LOGNAME="bert")
    assert (await _request_of(site, "who")) == {
        "context_id": PGTEST1_CONTEXT,
        "failover_type": "test",
        "user_id": "bert",
    }


async def test_a_repeated_request_id_starts_nothing_twice(site: Site, failover: FailoverCommand) -> None:
    once = (*_LIVE, "--request-id", f"{site.task_queue}-twice", "--json")
    one, other = await asyncio.gather(failover(*once), failover(*once))
    assert one.json() == other.json()
    assert (one.code, other.code) == (0, 0)
    again = await failover(*once, "--wait")
    assert again.json()["workflow_id"] == f"{site.task_queue}-twice"
    assert len(site.vms()) == 1

    other_request = await failover(*_TEST, "--request-id", f"{site.task_queue}-twice", "--json")
    assert other_request.code == 3
    assert other_request.json()["error"]["type"] == "RequestIdReused"


async def test_an_unknown_context_is_not_found_however_it_is_asked(failover: FailoverCommand) -> None:
    ways: tuple[tuple[str, ...], ...] = ((), ("--json",), ("--wait",), ("--wait", "--json"))
    told = await failover.each(*(("start", "ctx-none", "--type", "live", *options) for options in ways))
    for options, printed in zip(ways, told, strict=True):
        assert printed.code == 4, options
        assert "UnknownContext" in printed.output + printed.errors
        if "--json" in options:
            assert printed.json()["error_type"] == "UnknownContext"


async def test_a_running_failover_of_the_vm_refuses_a_second_with_its_id(
    site: Site, failover: FailoverCommand
) -> None:
    site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.JOB_SLOW, seconds=12))
    first = await site.start(LIVE)
    await activity_started(first, "WaitForJobActivity")
    for_people = await failover(*_LIVE)
    assert for_people.code == 3
    assert first.id in for_people.errors
    as_json = await failover(*_LIVE, "--json")
    assert as_json.code == 3
    assert as_json.json()["held_by"] == first.id
    await first.result()


async def test_a_failed_run_has_its_own_exit_code_and_names_what_it_did(
    site: Site, failover: FailoverCommand
) -> None:
    site.cloud.faults.add(Fault("listVirtualMachines", FaultKind.WRONG_MAC, times=None))
    printed = await failover(*_LIVE, "--wait")
    assert printed.code == 1
    assert printed.output.startswith("failed: live failover of pgtest1")
    assert "VerificationFailed" in printed.output
    assert "removed: pgtest1" in printed.output


async def test_without_a_worker_a_start_says_so_and_the_run_is_there(
    site: Site, failover: FailoverCommand
) -> None:
    await site.stop_worker()
    printed = await failover(*_LIVE, "--request-id", "no-worker", "--answer-timeout", "1", "--json")
    assert printed.code == 6
    assert printed.json()["error"] == {
        "type": "AnswerPending",
        "message": "the failover no-worker is started, but no worker has checked it yet",
        "workflow_id": "no-worker",
    }
    status = await failover("status", "no-worker")
    assert status.code == 0
    assert "no worker has picked it up yet" in status.output
    await site.start_worker()
    assert (await failover("watch", "no-worker")).code == 0


@pytest.mark.parametrize("kind", ("Terminated", "TimedOut"))
async def test_a_repeated_start_whose_run_was_ended_was_not_refused(
    site: Site, failover: FailoverCommand, kind: str
) -> None:
    await site.stop_worker()
    request_id = f"{site.task_queue}-ended"
    handle = await site.client.start_workflow(
        FAILOVER_WORKFLOW,
        LIVE,
        id=request_id,
        task_queue=site.task_queue,
        execution_timeout=timedelta(seconds=1) if kind == "TimedOut" else None,
    )
    if kind == "Terminated":
        await handle.terminate(reason="by hand")
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    printed, as_json = await asyncio.gather(
        failover(*_LIVE, "--request-id", request_id),
        failover(*_LIVE, "--request-id", request_id, "--json"),
    )
    assert (printed.code, as_json.code) == (1, 1)
    assert printed.errors.startswith(f"not completed: {kind}: ")
    assert as_json.json()["error_type"] == kind


@pytest.mark.parametrize(
    ("error_type", "code"),
    (
        ("Cancelled", ExitCode.NOT_COMPLETED),
        ("Terminated", ExitCode.NOT_COMPLETED),
        ("TimedOut", ExitCode.NOT_COMPLETED),
        ("VmNameTaken", ExitCode.REFUSED),
        ("InvalidRequest", ExitCode.INVALID),
        ("UnknownContext", ExitCode.NOT_FOUND),
    ),
)
def test_the_code_of_an_answer_that_is_no_acceptance(error_type: str, code: ExitCode) -> None:
    answer = Acceptance(accepted=False, workflow_id="x", error_type=error_type)
    assert code_of_acceptance(answer) is code


@pytest.mark.parametrize("calls", (("describe",), ("history",)))
async def test_a_start_that_temporal_loses_sight_of_names_the_run_that_goes_on(
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    calls: tuple[str, ...],
) -> None:
    unlucky = Unlucky.installed(site, monkeypatch, *calls)
    request_id = f"{site.task_queue}-{calls[0]}"
    code = await unlucky(*_LIVE, "--wait", "--json", "--request-id", request_id)
    printed = capsys.readouterr()
    assert code == ExitCode.TEMPORAL_AWAY
    error = json.loads(*answers(printed.out))["error"]
    assert (error["type"], error["workflow_id"]) == ("TemporalUnreachable", request_id)
    assert f"failover watch {request_id}" in printed.err
    assert (await FailoverClient(site.client).wait(request_id)).outcome is RunOutcome.COMPLETED


async def test_a_start_that_never_arrived_names_no_run(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    unlucky = Unlucky.installed(site, monkeypatch, "start")
    code = await unlucky(*_LIVE, "--json", "--answer-timeout", "1")
    printed = capsys.readouterr()
    assert code == ExitCode.TEMPORAL_AWAY
    assert json.loads(*answers(printed.out))["error"]["workflow_id"] == ""
    assert "goes on" not in printed.err


@pytest.mark.parametrize("options", ((), ("--json",)))
async def test_an_interrupted_start_names_the_run_that_goes_on(
    site: Site, failover: FailoverCommand, options: tuple[str, ...]
) -> None:
    await site.stop_worker()
    request_id = f"{site.task_queue}-interrupted"
    process = await failover.begin(*_LIVE, "--request-id", request_id, *options)

    async def is_there() -> bool:
        query = f"WorkflowId = '{request_id}'"
        return (await site.client.count_workflows(query)).count == 1

    await eventually(is_there)
    process.send_signal(signal.SIGINT)
    printed = await ended(process)
    assert printed.code == 130
    assert f"failover watch {request_id}" in printed.errors
    assert "Traceback" not in printed.errors
    if options:
        error = printed.json()["error"]
        assert (error["type"], error["workflow_id"]) == ("Interrupted", request_id)
    else:
        assert printed.output == ""


async def test_an_argument_that_is_no_text_is_wrong_use_in_json_too(failover: FailoverCommand) -> None:
    commands = (
        ("start", "ctx\udcff", "--type", "live"),
        (*_LIVE, "--reason", "\udcff"),
        (*_LIVE, "--network", "\udcff=1"),
        ("explain", "ctx\udcff"),
        ("status", "\udcff"),
    )
    told = await failover.each(*((*arguments, "--json") for arguments in commands))
    for arguments, printed in zip(commands, told, strict=True):
        assert printed.code == 2, arguments
        assert printed.json()["error"]["type"] == "WrongUse", arguments
        assert "not text in UTF-8" in printed.errors
        assert "Traceback" not in printed.errors


_WRONG = (
    (("start", PGTEST2_CONTEXT), "--type"),
    (("start", "--type", "live"), "CONTEXT_ID"),
    (("start", PGTEST2_CONTEXT, "--type", "drill"), "drill"),
    ((*_TEST, "--network", "no-equals-sign"), "SOURCE=NETWORK_ID"),
    ((*_TEST, "--network", "A=1", "--network", "A=2"), "twice"),
    ((*_TEST, "--request-id", " "), "request id"),
    ((*_TEST, "--file", "x.json"), "--file"),
    (("start", "--file", "no-such-file.json"), "cannot be read"),
    (("start", "--nonsense"), "--nonsense"),
    (("watch",), "workflow_id"),
    (("launch",), "launch"),
)


async def test_a_wrong_command_line_starts_nothing(site: Site, failover: FailoverCommand) -> None:
    told = await failover.each(*(arguments for arguments, _ in _WRONG))
    for (arguments, said), printed in zip(_WRONG, told, strict=True):
        assert (printed.code, printed.output) == (2, ""), arguments
        assert said.lower() in printed.errors.lower(), arguments
    assert (await site.client.count_workflows(f"TaskQueue = '{site.task_queue}'")).count == 0
