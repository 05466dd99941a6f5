"""The lines that people copy: their flags exist, and they do what the pages say."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from embedded.environment import child_environment
from rules.naming import test_vm_name as name_of_a_test_vm
from simulators.cloudstack import sample as cloud_sample
from simulators.cloudstack.faults import Fault, FaultKind
from tests.docs.doc_pages import DOCS, OWN_PAGES, README, blocks, commands
from tests.support.schemas import execute
from tests.support.site import Site, activity_started

_OPERATE = DOCS / "operate.md"
_LIVE_ID = "failover-live-pgtest1"
_PATIENCE = 90
_ALL = [words for page in OWN_PAGES for words in commands(page, "temporal")]
_IDS = [" ".join(words[1:4]) for words in _ALL]


class Shell:
    """Runs copied lines against a site, with task queue and addresses of its own."""

    def __init__(self, cli: Path, site: Site, home: Path) -> None:
        self._site = site
        self._programs = {"temporal": str(cli), "cs": str(Path(sys.executable).with_name("cs"))}
        self._environment = child_environment(
            home,
            {
                "TEMPORAL_ADDRESS": site.client.service_client.config.target_host,
                "TEMPORAL_NAMESPACE": site.client.namespace,
                "CLOUDSTACK_ENDPOINT": site.cloud.endpoint,
                "CLOUDSTACK_KEY": cloud_sample.ADMIN.key,
                "CLOUDSTACK_SECRET": cloud_sample.ADMIN.secret,
                "CLOUDSTACK_METHOD": "post",
            },
        )

    async def __call__(self, words: Sequence[str]) -> str:
        """Run a line that must succeed, and return what it prints."""
        code, output = await self.run(words)
        assert code == 0, f"{words} ended with {code}:\n{output}"
        return output

    async def run(self, words: Sequence[str]) -> tuple[int, str]:
        """Run a line, and return its exit code and what it prints."""
        here = [*words[: words.index("|")]] if "|" in words else list(words)
        for flag, value in (("--task-queue", self._site.task_queue),):
            if flag in here:
                here[here.index(flag) + 1] = value
        process = await asyncio.create_subprocess_exec(
            self._programs[here[0]],
            *(self._own(word) for word in here[1:]),
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(process.communicate(), _PATIENCE)
        return process.returncode or 0, output.decode()

    def _own(self, word: str) -> str:
        """Each site has its own workflow ids, since all sites share one server."""
        return re.sub(
            r"((?:failover-(?:live|test)|explain|mappings|preflight)-pgtest1)",
            rf"\1-{self._site.task_queue}",
            word,
        )

    def workflow_id(self, name: str) -> str:
        return self._own(name)


@pytest.fixture
def shell(temporal_cli: Path, site: Site, tmp_path: Path) -> Shell:
    return Shell(temporal_cli, site, tmp_path)


@pytest.mark.parametrize("words", _ALL, ids=_IDS)
async def test_every_flag_of_a_temporal_line_is_one_of_its_command(
    words: list[str], temporal_cli: Path
) -> None:
    first_flag = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    process = await asyncio.create_subprocess_exec(
        str(temporal_cli),
        *words[1:first_flag],
        "--help",
        env={"PATH": os.environ["PATH"]},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), _PATIENCE)
    usage = output.decode()
    assert re.search(
        rf"^ +temporal {re.escape(' '.join(words[1:first_flag]))} \[flags\]", usage, re.MULTILINE
    )
    known = set(re.findall(r"--[a-z][a-z-]+", usage))
    assert {word for word in words if word.startswith("-")} <= known


async def test_the_start_line_of_the_readme_starts_a_failover_that_completes(
    shell: Shell, site: Site
) -> None:
    start, details, result, again, *_ = commands(README, "temporal")
    assert start[1:3] == ["workflow", "start"]
    assert again == start, "the operator's list begins with the same line"
    await shell(start)
    assert "COMPLETED" in await shell(result)
    assert "disks: none attached" in await shell(details)
    (vm,) = site.running()
    assert vm.name == "pgtest1"
    assert [nic.network.name for nic in vm.nics] == ["prod-lan", "prod-dmz"]


def test_the_web_ui_and_tctl_are_told_the_same_as_the_start_line() -> None:
    start = commands(README, "temporal")[0]
    given = {
        flag: start[start.index(flag) + 1] for flag in ("--type", "--task-queue", "--workflow-id", "--input")
    }
    (tctl,) = commands(README, "tctl")
    assert tctl[1:3] == ["workflow", "start"]
    assert dict(zip(tctl[3::2], tctl[4::2], strict=True)) == {
        "--taskqueue": given["--task-queue"],
        "--workflow_type": given["--type"],
        "--workflow_id": given["--workflow-id"],
        "--input": given["--input"],
    }
    fields = dict(
        re.findall(r"^\| ([A-Z][\w ]+) \| `(.+)` \|$", README.read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert fields == {
        "Workflow ID": given["--workflow-id"],
        "Task Queue": given["--task-queue"],
        "Workflow Type": given["--type"],
        "Input": given["--input"],
        "Encoding": "json/plain",
    }


async def test_the_start_lines_of_the_operator_complete_and_his_other_lines_work(
    shell: Shell, site: Site
) -> None:
    # What is ordered of a whole failover is tried on one: test_docs_whole.py.
    lines = [words for words in commands(_OPERATE, "temporal") if not _is_of_a_whole_one(words)]
    for line in [words for words in lines if words[1:3] == ["workflow", "start"]]:
        await shell(line)
        workflow_id = line[line.index("--workflow-id") + 1]
        assert "COMPLETED" in await shell(["temporal", "workflow", "result", "--workflow-id", workflow_id])
    names = sorted(vm.name for vm in site.running())
    assert names[0] == "pgtest1"
    assert len(names) == 2, "a test that is started again under its id keeps its VM"
    need_an_open_run = {"start", "cancel", "terminate", "update"}
    for line in lines:
        if line[2] not in need_an_open_run and line[1] != "operator":
            await shell(line)
    assert [vm.name for vm in site.vms()].count("pgtest1") == 1


async def test_the_lists_find_what_the_pages_say(shell: Shell) -> None:
    await shell(commands(README, "temporal")[0])
    await shell(["temporal", "workflow", "result", "--workflow-id", _LIVE_ID])
    broken = ["temporal", "workflow", "start", "--type", "FailoverWorkflow", "--task-queue", "failover"]
    await shell([*broken, "--workflow-id", "failover-test-pgtest1", "--input", '"no object"'])
    code, _ = await shell.run(["temporal", "workflow", "result", "--workflow-id", "failover-test-pgtest1"])
    assert code != 0
    live, invalid = shell.workflow_id(_LIVE_ID), shell.workflow_id("failover-test-pgtest1")
    by_query = {
        line[line.index("--query") + 1]: line
        for line in commands(_OPERATE, "temporal")
        if line[1:3] == ["workflow", "list"]
    }
    for query, expected in (
        ("FailoverVmName='pgtest1'", live),
        ("WorkflowType='FailoverWorkflow' AND FailoverContextId IS NULL", invalid),
    ):
        listed = json.loads(await shell([*by_query[query], "--output", "json"]))
        assert expected in {one["execution"]["workflowId"] for one in listed}


async def test_the_cancel_line_removes_the_vm_of_a_run_that_was_accepted(shell: Shell, site: Site) -> None:
    site.cloud.faults.add(Fault("startVirtualMachine", FaultKind.JOB_SLOW, seconds=6))
    start, accepted, cancel = _lines("start")[0], _lines("update")[0], _lines("cancel")[0]
    await shell(start)
    assert "accepted:true" in await shell(accepted)
    again = await shell(start)
    code, _ = await shell.run([*start, "--fail-existing"])
    assert code != 0
    assert "RunId" in again
    await shell(cancel)
    code, output = await shell.run(["temporal", "workflow", "result", "--workflow-id", _LIVE_ID])
    assert code != 0
    assert "CANCELED" in output
    assert site.vms() == []


async def test_after_a_terminate_the_same_id_completes_the_failover_and_another_is_refused(
    shell: Shell, site: Site
) -> None:
    site.cloud.faults.add(Fault("startVirtualMachine", FaultKind.JOB_SLOW, seconds=5))
    start = _lines("start")[0]
    await shell(start)
    await shell(_lines("update")[0])
    await activity_started(site.client.get_workflow_handle(shell.workflow_id(_LIVE_ID)), "WaitForJobActivity")
    await shell(_lines("terminate")[0])
    (vm,) = site.vms()
    listed = json.loads(await shell([*_terminated_line(), "--output", "json"]))
    assert shell.workflow_id(_LIVE_ID) in {one["execution"]["workflowId"] for one in listed}
    refused = await site.run_failing()
    assert refused.type == "VmNameTaken"
    assert shell.workflow_id(_LIVE_ID) in refused.message
    await shell(start)
    result = await shell(["temporal", "workflow", "result", "--workflow-id", _LIVE_ID])
    assert '"adopted":true' in result
    assert [one.id for one in site.running()] == [vm.id]


async def test_the_vm_is_found_by_the_lines_of_the_page_and_its_networks_are_freed_by_hand(
    shell: Shell, site: Site
) -> None:
    request = {"context_id": "ctx-pgtest2-20250922-211502", "failover_type": "live"}
    workflow_id = shell.workflow_id(_LIVE_ID)
    result = await site.run(request, workflow_id=workflow_id)
    by_name, by_part, by_mark, every_one, destroy = commands(_OPERATE, "cs")
    for line in (by_mark, every_one):
        assert result.vm.id in await shell(line)
    assert await shell(by_name) == ""
    found = json.loads(await shell([*by_name[:-1], "name=pgtest2"]))["virtualmachine"]
    assert [vm["id"] for vm in found] == [result.vm.id]
    tested = await site.run(
        {**request, "failover_type": "test", "network_mappings": {"VM Network": cloud_sample.TEST_LAN_ID}}
    )
    assert tested.vm.name == name_of_a_test_vm("pgtest2", tested.vm.name.rpartition("-")[2])
    assert tested.vm.id in await shell([*by_part[:-1], "keyword=pgtest2-test-"])
    fallback = {
        **request,
        "failover_type": "test",
        "network_mappings": {"VM Network": cloud_sample.DEFAULT_NET_ID},
    }
    assert (await site.run_failing(fallback)).type == "ProductionNetworkRefused"
    await shell([f"id={result.vm.id}" if word.startswith("id=") else word for word in destroy])
    statement = next(block.body for block in blocks(_OPERATE, "sql") if block.body.startswith("UPDATE"))
    await site.sql(statement.replace(_LIVE_ID, workflow_id))
    told = await site.start(fallback)
    assert (await told.result()).decisions[0].destination_network_id == cloud_sample.DEFAULT_NET_ID
    assert "FindGoneVMsActivity" not in await site.event_types(told)


@pytest.mark.parametrize("number", range(len(blocks(_OPERATE, "sql"))))
async def test_every_statement_works_on_the_database_of_a_site(site: Site, number: int) -> None:
    await execute(site.url, blocks(_OPERATE, "sql")[number].body)


def _is_of_a_whole_one(words: list[str]) -> bool:
    return any("source_lost" in word or word.endswith(("-commit", "-cleanup")) for word in words)


def _lines(command: str) -> list[list[str]]:
    found = [words for words in commands(_OPERATE, "temporal") if words[1:3] == ["workflow", command]]
    assert found, command
    return found


def _terminated_line() -> list[Any]:
    (line,) = (
        words for words in commands(_OPERATE, "temporal") if "ExecutionStatus='Terminated'" in words[-1]
    )
    return line
