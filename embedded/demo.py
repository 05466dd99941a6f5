"""``make demo``: four failovers from the first check to the last order, on a stack of their own.

The first is looked at before it starts. One live failover is rolled back, the other committed; the drills are
cleaned up.
"""

import asyncio
from pathlib import Path
from typing import Final

from client import FailoverClientError, FailoverNotCompleted, Order
from embedded.errors import UnexpectedRun
from embedded.ports import StackPorts
from embedded.sample_runs import SAMPLE_RUNS, SampleRun
from embedded.screen import Screen
from embedded.stack import EmbeddedStack
from rules.outcomes import FailoverOutcome, FailoverResult, ProofLevel

# A run takes seconds here; one that a broken worker cannot carry on would be waited for without end.
_LIMIT_SECONDS: Final = 180.0


async def run_demo(cli: Path, screen: Screen) -> None:
    """Start the stack, run the failovers one after the other, stop the stack.

    Raises:
        UnexpectedRun: A run did not end as it must.
        ComponentFailed: A part of the stack ended too early.
    """
    async with EmbeddedStack(ports=StackPorts.free(), cli=cli, report=screen.note) as stack:
        await stack.during(_fail_over_all(stack, screen))
    screen.line()
    screen.line(
        f"All {len(SAMPLE_RUNS)} failovers ended as expected. Nothing is left running.",
        style="bold",
    )
    screen.line("`make up` keeps the same stack and its Web UI running.")


async def _fail_over_all(stack: EmbeddedStack, screen: Screen) -> None:
    for number, run in enumerate(SAMPLE_RUNS, start=1):
        screen.heading(f"{number} of {len(SAMPLE_RUNS)}  {run.title}")
        if number == 1:
            await look_before(stack, screen, run)
        check(run, await fail_over(stack, screen, run))
        await end(stack, screen, run)


async def look_before(stack: EmbeddedStack, screen: Screen, run: SampleRun) -> None:
    """Show every check that the failover will make, and what came of it.

    Raises:
        UnexpectedRun: The failover would be refused.
    """
    report = await stack.client.preflight(run.request)
    screen.preflight(report)
    if not report.ready:
        raise UnexpectedRun(f"{run.workflow_id} would be refused: {report.error_type}: {report.message}")


async def end(
    stack: EmbeddedStack, screen: Screen, run: SampleRun, *, limit_seconds: float = _LIMIT_SECONDS
) -> None:
    """Give the order that ends the new VM's time, and show what came of it.

    Raises:
        UnexpectedRun: It left something behind, or was not over in time.
    """
    try:
        async with asyncio.timeout(limit_seconds):
            if run.then is Order.ROLL_BACK:
                order = await stack.client.roll_back(
                    run.workflow_id,
                    acknowledge_data_loss=True,
                    reason="the demo is over",
                    seconds=limit_seconds,
                )
            elif run.then is Order.COMMIT:
                order = await stack.client.commit(run.workflow_id, seconds=limit_seconds)
            else:
                order = await stack.client.clean_up(run.workflow_id, seconds=limit_seconds)
            report = await stack.client.end(order)
    except (TimeoutError, FailoverClientError) as error:
        raise UnexpectedRun(
            f"{run.then.value} of {run.workflow_id} must succeed, but {str(error) or 'it took too long'}."
            f" The last lines of the worker's log:\n{stack.worker.log_tail()}"
        ) from error
    screen.end(run.then.value, report)
    if report.left_behind:
        raise UnexpectedRun(f"{run.then.value} of {run.workflow_id} left something behind")


async def fail_over(
    stack: EmbeddedStack, screen: Screen, run: SampleRun, *, limit_seconds: float = _LIMIT_SECONDS
) -> FailoverResult:
    """Run one failover, showing its steps as they happen and its result.

    Raises:
        UnexpectedRun: It failed, or was not over in time.
    """
    handle = await stack.client.start(run.request, workflow_id=run.workflow_id)
    run_id = handle.result_run_id
    screen.request(run.request, stack.server.run_address(handle.id, run_id or ""))
    try:
        async with asyncio.timeout(limit_seconds):
            with screen.progress() as progress:
                async for step in stack.client.steps(run.workflow_id, run_id=run_id):
                    progress.step(step)
            result = await stack.client.result(run.workflow_id, run_id=run_id)
    except FailoverNotCompleted as error:
        raise UnexpectedRun(f"The run must complete, but {error}") from error
    except TimeoutError:
        raise UnexpectedRun(
            f"{run.workflow_id} was not over after {limit_seconds:.0f} s."
            f" The last lines of the worker's log:\n{stack.worker.log_tail()}"
        ) from None
    screen.result(result)
    return result


def check(run: SampleRun, result: FailoverResult) -> None:
    """Compare how a run ended with how it must.

    Raises:
        UnexpectedRun: It did not complete, or a NIC went elsewhere or by another rule.
    """
    if result.outcome is not FailoverOutcome.COMPLETED or result.vm.state != "Running":
        raise UnexpectedRun(
            f"{run.workflow_id} must end completed with a running VM; it is {result.outcome.value},"
            f" and the VM is {result.vm.state or 'in no known state'}"
        )
    if len(result.attached) != run.disks or result.proven is not ProofLevel.DISKS:
        raise UnexpectedRun(
            f"{run.workflow_id} must run from {run.disks} disks, proven to be attached;"
            f" it says: {result.disks}"
        )
    decided = tuple(
        (decision.source_network_name, decision.destination_network_id, decision.rule)
        for decision in result.decisions
        if decision.connected
    )
    if decided != run.expected:
        raise UnexpectedRun(f"{run.workflow_id} put its NICs on {decided}; expected was {run.expected}")
