"""Three ways in, on docs/operate.md: every action has its form; the lines of ``failover`` and curl work."""

import asyncio
import json
import re
from pathlib import Path

import pytest
import typer

from api.openapi import document
from cli.app import app
from simulators.cloudstack.faults import Fault, FaultKind
from tests.api.api_server import ApiServer, serve_api
from tests.cli.command import FailoverCommand
from tests.docs.doc_pages import DOCS, README, ROOT, commands, table
from tests.support.site import LIVE, Site, activity_started

_OPERATE = DOCS / "operate.md"
_ID = "failover-live-pgtest1"
_ORIGIN = "http://127.0.0.1:8082"
_NOTHING = {"no command", "no route"}
_ACTIONS = [[*row] for row in table(_OPERATE, "Action", "`failover`")]
_FAILOVER = commands(_OPERATE, "failover")
_CURL = commands(_OPERATE, "curl")
_STARTS = [words for words in _FAILOVER if words[1] == "start" and "--source-lost" not in words]
_ALL_POSTS = [words for words in _CURL if "POST" in words]
_POSTS = [words for words in _ALL_POSTS if "source_lost" not in " ".join(words)]
_ORDERS = {"start", "cancel", "preflight", "commit", "rollback", "resume", "cleanup", "extend"}
"""What the tests below do not try after a completed run without disks: test_docs_whole.py does."""


@pytest.fixture
def failover(site: Site, tmp_path: Path) -> FailoverCommand:
    return FailoverCommand(site, tmp_path)


def _form(cell: str) -> str:
    return cell.strip("`")


def _path(words: list[str]) -> str:
    (url,) = (word for word in words if word.startswith("http"))
    assert url.startswith(_ORIGIN), "the port of `make up`"
    return url.removeprefix(_ORIGIN)


def _after(words: list[str], flag: str) -> list[str]:
    return [words[at + 1] for at, word in enumerate(words) if word == flag]


async def _ask(api: ApiServer, words: list[str], **names: str) -> tuple[int, dict[str, object]]:
    """Send what a curl line would send, with other names where given."""
    (body, *_) = [*_after(words, "-d"), None]
    (method, *_) = [*_after(words, "-X"), "GET"]
    path = _path(words)
    for name, value in names.items():
        path = path.replace(name.replace("_", "-"), value)
    headers = dict(header.split(": ", 1) for header in _after(words, "-H"))
    answer = await api.call(method, path, body, headers=headers)
    return answer.status, answer.body


def test_every_action_has_a_cell_for_each_way_in() -> None:
    assert len(_ACTIONS) >= 10
    for action, *ways in _ACTIONS:
        assert len(ways) == 3, action
        assert all(way in _NOTHING or way == f"`{_form(way)}`" for way in ways), action


@pytest.mark.parametrize(("column", "program"), ((1, "failover"), (3, "temporal")))
def test_every_command_of_an_action_has_a_line_to_copy(column: int, program: str) -> None:
    lines = [" ".join(words) for words in commands(_OPERATE, program)]
    for row in _ACTIONS:
        if row[column] not in _NOTHING:
            assert any(f"{line} ".startswith(f"{_form(row[column])} ") for line in lines), row


def test_every_route_of_an_action_has_a_line_to_copy() -> None:
    sent = {f"{[*_after(words, '-X'), 'GET'][0]} {_path(words).partition('?')[0]}" for words in _CURL}
    told = {_form(row[2]).replace("{job_id}", _ID) for row in _ACTIONS} - _NOTHING
    assert told == sent


def test_no_command_of_failover_is_left_out() -> None:
    group = typer.main.get_command(app)
    names = _commands(group)
    assert len(names) > 5
    assert {f"failover {name}" for name in names} == {_form(row[1]) for row in _ACTIONS} - _NOTHING


def test_no_route_but_the_probes_is_left_out() -> None:
    routes = set(re.findall(r'"(/api/[^"]+)": \{"(get|post)"', document(secured=False)))
    assert len(routes) > 2
    assert {f"{method.upper()} {path}" for path, method in routes} == {
        _form(row[2]) for row in _ACTIONS
    } - _NOTHING


def test_each_start_is_the_same_request_in_all_three_forms() -> None:
    starts = [words for words in commands(_OPERATE, "temporal") if words[1:3] == ["workflow", "start"]]
    inputs = [_after(words, "--input") for words in starts]
    assert inputs == [_after(words, "-d") for words in _ALL_POSTS]
    assert len(inputs) == len(_STARTS) + 1 == 5


def test_no_two_starts_share_a_key() -> None:
    keys = [header for words in _ALL_POSTS for header in _after(words, "-H") if header.startswith("Idemp")]
    assert len(set(keys)) == len(_ALL_POSTS)


@pytest.mark.parametrize("number", range(len(_STARTS)))
async def test_the_start_lines_of_failover_and_of_curl_start_what_the_temporal_line_says(
    number: int, site: Site, failover: FailoverCommand
) -> None:
    line, post = list(_STARTS[number]), _POSTS[number]
    if "--request-id" in line:
        line[line.index("--request-id") + 1] = f"{_ID}-{site.task_queue}"
    printed = await failover(*line[1:], "--wait", "--json")
    assert printed.code == 0, printed
    first = printed.json()["workflow_id"]
    for vm in site.vms():
        # Its name and MAC addresses would be in the way of the second one.
        site.cloud.world.expunge(vm)
    async with serve_api(site) as api:
        status, body = await _ask(api, post)
    assert status in {200, 202}, body
    second = str(body["job_id"])
    await site.client.get_workflow_handle(second).result()
    wanted = json.loads(_after(post, "-d")[0])
    assert await _asked(site, second) == wanted
    # The command line says who asks, where the caller does not.
    by_command = await _asked(site, first)
    assert by_command == {"user_id": by_command["user_id"], **wanted}


async def test_the_other_lines_of_failover_and_of_curl_work_on_a_run_that_completed(
    site: Site, failover: FailoverCommand
) -> None:
    ours = f"{_ID}-{site.task_queue}"
    await site.run(LIVE, workflow_id=ours)
    looks = [words for words in _FAILOVER if words[1] not in _ORDERS]
    for words in looks:
        printed = await failover(*(ours if word == _ID else word for word in words[1:]))
        assert printed.code == 0, (words, printed)
    async with serve_api(site) as api:
        for words in (words for words in _CURL if words not in _ALL_POSTS):
            status, body = await _ask(api, words, failover_live_pgtest1=ours)
            assert status == 200, (words, body)


async def test_the_lines_of_failover_in_the_readme_start_a_failover_and_follow_it(
    site: Site, failover: FailoverCommand
) -> None:
    start, watch, *_ = commands(README, "./failover")
    ours = f"{_ID}-{site.task_queue}"
    (program,) = {words[0] for words in (start, watch)}
    for line in (start, watch):
        done = await asyncio.create_subprocess_exec(
            str(ROOT / program),
            *(ours if word == _ID else word for word in line[1:]),
            env=failover.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await asyncio.wait_for(done.communicate(), 60)
        assert done.returncode == 0, output
    assert b"completed: live failover of pgtest1" in output
    assert [vm.name for vm in site.running()] == ["pgtest1"]


async def test_the_curl_line_of_the_readme_starts_the_same_failover(site: Site) -> None:
    (line,) = commands(README, "curl")
    (temporal, *_) = commands(README, "temporal")
    assert _after(line, "-d") == _after(temporal, "--input")
    async with serve_api(site) as api:
        status, body = await _ask(api, line)
    assert status == 200, body
    await site.client.get_workflow_handle(str(body["job_id"])).result()
    assert [vm.name for vm in site.running()] == ["pgtest1"]


async def test_the_cancel_line_of_failover_removes_the_vm(site: Site, failover: FailoverCommand) -> None:
    ours = f"{_ID}-{site.task_queue}"
    site.cloud.faults.add(Fault("startVirtualMachine", FaultKind.JOB_SLOW, seconds=4))
    handle = await site.start(LIVE, workflow_id=ours)
    await activity_started(handle, "WaitForJobActivity")
    (line,) = (words for words in _FAILOVER if words[1] == "cancel")
    printed = await failover(*(ours if word == _ID else word for word in line[1:]))
    assert printed.code == 0, printed
    assert site.vms() == []


async def _asked(site: Site, workflow_id: str) -> dict[str, object]:
    """What a run was started with."""
    history = await site.client.get_workflow_handle(workflow_id).fetch_history()
    started = history.events[0].workflow_execution_started_event_attributes
    (request,) = await site.client.data_converter.decode(started.input.payloads)
    return dict(request)


def _commands(group: object, prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, command in getattr(group, "commands", {}).items():
        found |= _commands(command, f"{prefix}{name} ") or {f"{prefix}{name}"}
    return found
