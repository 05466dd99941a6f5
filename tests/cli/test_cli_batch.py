"""``start --file``: many VMs, one result each, and none aborts the rest."""

import json
import signal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cli.batch import BatchResult, read_entries, run_batch
from cli.codes import ExitCode
from cli.output import Output
from cli.session import Session, WrongUse
from client import FailoverClient, FailoverStatus
from embedded.seed import PGTEST1_CONTEXT, PGTEST2_CONTEXT, PGTEST3_CONTEXT
from simulators.cloudstack import Fault, FaultKind
from tests.cli.command import FailoverCommand, ended
from tests.cli.unlucky import Unlucky, answers
from tests.client.waiting import eventually
from tests.support.site import Site

_GOOD = (
    {"context_id": PGTEST1_CONTEXT, "failover_type": "live"},
    {"context_id": PGTEST2_CONTEXT, "failover_type": "live"},
    {"context_id": PGTEST3_CONTEXT, "failover_type": "live"},
)
_UNKNOWN = {"context_id": "ctx-none", "failover_type": "live"}
_INVALID = {"context_id": PGTEST1_CONTEXT, "failover_type": "live", "test_duration": "2h"}


# Lone surrogates, and nestings that the reader, the converter or Python itself cannot take.
_ODD = (
    '{"context_id": "\\ud800", "failover_type": "live"}',
    '{"\\udfff": 1, "failover_type": "live"}',
    *('{"a":' * depth + "1" + "}" * depth for depth in (250, 100_000)),
)


def _lines(*requests: object) -> str:
    return "\n".join(one if isinstance(one, str) else json.dumps(one) for one in requests)


async def test_good_and_bad_vms_get_one_result_each(site: Site, failover: FailoverCommand) -> None:
    given = _lines(_GOOD[0], "this is no JSON", _UNKNOWN, "", _GOOD[1], _INVALID, "[1]", _GOOD[2], *_ODD)
    printed = await failover("start", "--file", "-", "--json", given=given)
    assert printed.code == 1
    results = {one.number: one for one in map(BatchResult.model_validate, printed.json_lines())}
    told = {
        number: (one.completed, one.run.error_type if one.run else one.error and one.error.type)
        for number, one in results.items()
    }
    assert told == {
        1: (True, ""),
        2: (False, "InvalidRequest"),
        3: (False, "UnknownContext"),
        5: (True, ""),
        6: (False, "InvalidRequest"),
        7: (False, "InvalidRequest"),
        8: (True, ""),
        9: (False, "InvalidRequest"),
        10: (False, "InvalidRequest"),
        11: (False, "InvalidRequest"),
        12: (False, "InvalidRequest"),
    }
    assert {vm.name for vm in site.running()} == {"pgtest1", "pgtest2", "pgtest3"}
    assert {results[number].workflow_id for number in (2, 7, 9, 10, 11, 12)} == {""}
    assert results[8].failover_type == "live"


async def test_a_list_of_good_vms_is_done(site: Site, failover: FailoverCommand, tmp_path: Path) -> None:
    file = tmp_path / "vms.json"
    file.write_text(json.dumps(_GOOD, indent=2))
    printed = await failover("start", "--file", str(file))
    assert printed.code == 0
    assert printed.errors == ""
    heads = sorted(line for line in printed.output.splitlines() if not line.startswith("warning"))
    assert [line.partition(", ")[0] for line in heads] == [
        f"1: completed: live {PGTEST1_CONTEXT}",
        f"2: completed: live {PGTEST2_CONTEXT}",
        f"3: completed: live {PGTEST3_CONTEXT}",
    ]
    assert len(site.running()) == 3


async def test_no_more_runs_are_in_flight_than_asked_for(site: Site, failover: FailoverCommand) -> None:
    site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.JOB_SLOW, seconds=0.5, times=None))
    printed = await failover("start", "--file", "-", "--json", "--in-flight", "1", given=_lines(*_GOOD))
    assert printed.code == 0
    runs = [one["run"] for one in printed.json_lines()]
    assert [run["context_id"] for run in runs] == [one["context_id"] for one in _GOOD]
    for earlier, later in pairwise(runs):
        assert earlier["closed_at"] <= later["started_at"]


async def test_several_are_in_flight_at_once(site: Site, failover: FailoverCommand) -> None:
    site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.JOB_SLOW, seconds=2, times=None))
    printed = await failover("start", "--file", "-", "--json", "--in-flight", "3", given=_lines(*_GOOD))
    runs = [one["run"] for one in printed.json_lines()]
    assert max(run["started_at"] for run in runs) < min(run["closed_at"] for run in runs)


async def test_a_file_with_request_ids_can_be_given_again(site: Site, failover: FailoverCommand) -> None:
    given = _lines(*({**one, "request_id": f"{site.task_queue}-{n}"} for n, one in enumerate(_GOOD)))
    first = await failover("start", "--file", "-", "--json", given=given)
    again = await failover("start", "--file", "-", "--json", given=given)
    assert (first.code, again.code) == (0, 0)

    def by_number(lines: list[Any]) -> list[Any]:
        return sorted(lines, key=lambda line: line["number"])

    assert by_number(first.json_lines()) == by_number(again.json_lines())
    assert len(site.vms()) == 3
    odd = await failover("start", "--file", "-", "--json", given=_lines({**_GOOD[0], "request_id": 7}))
    assert odd.json_lines()[0]["error"]["message"] == "request_id: must be a string"


async def test_an_interrupt_leaves_what_was_started_alone(site: Site, failover: FailoverCommand) -> None:
    site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.JOB_SLOW, seconds=3, times=None))
    process = await failover.begin("start", "--file", "-", "--in-flight", "1")
    assert process.stdin is not None
    process.stdin.write(_lines(*_GOOD).encode())
    process.stdin.close()

    async def one_is_made() -> bool:
        return len(site.vms()) == 1

    await eventually(one_is_made)
    process.send_signal(signal.SIGINT)
    printed = await ended(process)
    assert printed.code == 130
    assert "failover list" in printed.errors

    async def it_runs() -> bool:
        return len(site.running()) == 1

    await eventually(it_runs)
    assert len(site.vms()) == 1, "the others were not started"


@pytest.mark.parametrize(
    ("calls", "told"),
    (
        (("describe",), "unknown how it ended: {run}"),
        (("history",), "unknown how it ended: {run}"),
        (("start",), "not started"),
    ),
)
async def test_only_what_was_certainly_not_started_is_called_so(
    site: Site,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    calls: tuple[str, ...],
    told: str,
) -> None:
    file = tmp_path / "one.jsonl"
    run = f"{site.task_queue}-batch"
    file.write_text(json.dumps(_GOOD[0] | {"request_id": run}))
    for as_json in (False, True):
        session = Session(Unlucky.client(site, *calls), Output(as_json=as_json))
        code = await run_batch(session, file, in_flight=1, user_id="anna", answer_seconds=1)
        assert code is ExitCode.NOT_COMPLETED
    line, answer = answers(capsys.readouterr().out)
    assert line.startswith(f"1: {told.format(run=run)}: live {PGTEST1_CONTEXT}: TemporalUnreachable: ")
    result = BatchResult.model_validate_json(answer)
    was_started = (await site.client.count_workflows(f"WorkflowId = '{run}'")).count == 1
    assert result.workflow_id == (run if "{run}" in told else "")
    assert was_started or "{run}" not in told
    assert result.run is None


async def test_an_accident_with_one_entry_aborts_none_of_the_others(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "two.jsonl"
    file.write_text(_lines(_GOOD[0] | {"request_id": "x"}, _GOOD[1]))

    class Broken(FailoverClient):
        async def wait(
            self, workflow_id: str, *, run_id: str | None = None, until_held: bool = False
        ) -> FailoverStatus:
            if workflow_id == "x":
                # As the SDK does for what a worker of a later version may answer.
                raise RuntimeError("Failed decoding arguments")
            return await super().wait(workflow_id, run_id=run_id, until_held=until_held)

    session = Session(Broken(site.client, task_queue=site.task_queue), Output(as_json=True))
    code = await run_batch(session, file, in_flight=1, user_id="anna", answer_seconds=30)
    assert code is ExitCode.NOT_COMPLETED
    first, second = map(BatchResult.model_validate_json, answers(capsys.readouterr().out))
    assert first.error is not None
    assert (first.error.type, first.workflow_id) == ("RuntimeError", "x")
    assert second.completed


@pytest.mark.parametrize(
    ("text", "said"),
    (
        ("[1, 2", "no JSON list"),
        ('[{"context_id": "x"},]', "no JSON list"),
        ("[" * 100_000, "nested too deeply"),
    ),
    ids=("open", "comma", "deep"),
)
def test_a_list_that_is_none_is_no_file_at_all(text: str, said: str) -> None:
    with pytest.raises(WrongUse, match=said):
        list(read_entries(text))


async def test_an_empty_file_is_wrong_use(failover: FailoverCommand) -> None:
    printed = await failover("start", "--file", "-", given="\n\n")
    assert printed.code == 2
    assert "holds no request" in printed.errors
