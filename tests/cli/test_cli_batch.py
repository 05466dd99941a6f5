"""``start --file``: many VMs, one result each, and none aborts the rest."""

import json
import signal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cli.batch import BatchResult, read_entries
from cli.session import WrongUse
from embedded.seed import PGTEST1_CONTEXT, PGTEST2_CONTEXT, PGTEST3_CONTEXT
from simulators.cloudstack import Fault, FaultKind
from tests.cli.command import FailoverCommand, ended
from tests.client.waiting import eventually
from tests.support.site import Site

_GOOD = (
    {"context_id": PGTEST1_CONTEXT, "failover_type": "live"},
    {"context_id": PGTEST2_CONTEXT, "failover_type": "live"},
    {"context_id": PGTEST3_CONTEXT, "failover_type": "live"},
)
_UNKNOWN = {"context_id": "ctx-none", "failover_type": "live"}
_INVALID = {"context_id": PGTEST1_CONTEXT, "failover_type": "live", "test_duration": "2h"}


def _lines(*requests: object) -> str:
    return "\n".join(one if isinstance(one, str) else json.dumps(one) for one in requests)


async def test_good_and_bad_vms_get_one_result_each(site: Site, failover: FailoverCommand) -> None:
    given = _lines(_GOOD[0], "this is no JSON", _UNKNOWN, "", _GOOD[1], _INVALID, "[1]", _GOOD[2])
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
    }
    assert {vm.name for vm in site.running()} == {"pgtest1", "pgtest2", "pgtest3"}
    assert results[2].workflow_id == ""
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


@pytest.mark.parametrize("text", ("[1, 2", '[{"context_id": "x"},]'))
def test_a_list_that_is_none_is_no_file_at_all(text: str) -> None:
    with pytest.raises(WrongUse, match="no JSON list"):
        list(read_entries(text))


async def test_an_empty_file_is_wrong_use(failover: FailoverCommand) -> None:
    printed = await failover("start", "--file", "-", given="\n\n")
    assert printed.code == 2
    assert "holds no request" in printed.errors
