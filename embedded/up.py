"""``make up``: the demo's stack on fixed ports, left running until Ctrl-C."""

import asyncio
import json
import shlex
import shutil
from pathlib import Path

from embedded.ports import StackPorts
from embedded.sample_runs import SAMPLE_RUNS
from embedded.screen import Screen
from embedded.stack import EmbeddedStack
from embedded.temporal_server import NAMESPACE


async def run_up(ports: StackPorts, cli: Path, screen: Screen) -> None:
    """Start the stack, say how to use it, and wait until this task is cancelled.

    Raises:
        ComponentFailed: A part of the stack ended by itself.
    """
    async with EmbeddedStack(ports=ports, cli=cli, report=screen.note) as stack:
        _explain(stack, cli, screen)
        await stack.during(asyncio.Event().wait())


def _explain(stack: EmbeddedStack, cli: Path, screen: Screen) -> None:
    command = "temporal" if shutil.which("temporal") == str(cli) else shlex.quote(str(cli))
    where = f"--address {stack.server.address} --namespace {NAMESPACE}"
    first = SAMPLE_RUNS[0]
    screen.heading("The stack is up; Ctrl-C stops all of it.")
    screen.line(f"  Web UI      {stack.server.ui_address}")
    screen.line(f"  HTTP API    {stack.api_url}")
    screen.line(f"  worker log  {stack.worker.log_path}")
    for run in SAMPLE_RUNS:
        screen.heading(f"Start a {run.title.partition(', then ')[0]}:")
        screen.line(
            f"{command} workflow start {where} --type FailoverWorkflow --task-queue failover"
            f" --workflow-id {run.workflow_id} --input {shlex.quote(json.dumps(run.request))}"
        )
    screen.heading("Check all of it beforehand; decide afterwards; end a drill:")
    at = f"--address {stack.server.address}"
    live = next(run for run in SAMPLE_RUNS if run.failover_type == "live")
    test = next(run for run in SAMPLE_RUNS if run.failover_type == "test")
    screen.line(f"./failover preflight {live.context_id} --type live {at}")
    screen.line(f"./failover commit {live.workflow_id} --wait {at}")
    screen.line(
        f"./failover rollback {live.workflow_id} --acknowledge-data-loss --reason 'a try' --wait {at}"
    )
    screen.line(f"./failover cleanup {test.workflow_id} --wait {at}")
    screen.heading("The same over HTTP, and all jobs:")
    screen.line(
        f"curl -X POST {stack.api_url}/api/v1/failover/unified"
        f' -H "Content-Type: application/json" -d {shlex.quote(json.dumps(first.request))}'
    )
    screen.line(f"curl -s {stack.api_url}/api/v1/failover/jobs")
    screen.heading("Watch it, list all, cancel it:")
    screen.line(f"{command} workflow show {where} --workflow-id {first.workflow_id} --follow")
    screen.line(f"{command} workflow list {where}")
    screen.line(f"{command} workflow cancel {where} --workflow-id {first.workflow_id}")
