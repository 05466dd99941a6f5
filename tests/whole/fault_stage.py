"""Where one row of the fault table is played: a site of its own, its worker, and the judge at every end."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.worker import Worker

from embedded.environment import PROJECT_ROOT
from rules.outcomes import EndReport, FailoverResult, FailureReport
from rules.temporal_names import OUTCOME_ATTRIBUTE, ROLL_BACK_UPDATE
from settings.conversion import ConversionSettings
from simulators.cloudstack.entities import VmState
from tests.support.activity_faults import Fault, Strike, Striker, client_with
from tests.support.struck_worker import STRIKES
from tests.support.whole import ROLL_BACK, WholeSite, open_whole_site
from tests.support.worker_process import WorkerProcess, environment_of, worker_process
from tests.whole.claims import untrue
from tests.whole.fault_judge import Claim
from tests.whole.fault_world import World, look
from tests.whole.waits import until
from worker import make_conversion_worker

Handle = WorkflowHandle[Any, Any]

_PATIENCE = 100
_LOOK = 0.3
_SIGKILL = -9
_PROGRAM = (str(PROJECT_ROOT / "tests" / "support" / "struck_worker.py"),)
_OPENING = asyncio.Lock()
"""Held while a database is migrated or opened: Alembic and the filters of warnings are one per process."""

# Many sites share this process: what must not expire is given time.
CALM = {
    "FAILOVER_HEARTBEAT_SECONDS": 8,
    "FAILOVER_CREATE_EXPIRY_SECONDS": 3,
    "FAILOVER_START_BUDGET_SECONDS": 30,
    "FAILOVER_SYNC_STALL_SECONDS": 30,
    "FAILOVER_POWER_OFF_BUDGET_SECONDS": 30,
    "CLOUDSTACK_TIMEOUT_SECONDS": 10,
    "VMA_TIMEOUT_SECONDS": 10,
    # A cleanup that left something goes on when it is told to.
    "FAILOVER_CLEANUP_RETRY_SECONDS": 600,
}


@dataclass
class Stage:
    """Where a row is played.

    Attributes:
        request: The failover's.
        on: What its VM runs from: ``replica`` or ``clones``.
        strike: What the row is about.
        also: What befalls the run before, so that it comes to where the strike is.
        before: The world before the run.
        ends: What happened, in order: ``held``, the outcome of the run, that of its VM's time.
    """

    whole: WholeSite
    folder: Path
    request: dict[str, Any]
    on: str
    strike: Strike
    also: tuple[Strike, ...]
    striker: Striker
    before: World
    ends: list[str] = field(default_factory=list)
    said: Claim | None = None

    @property
    def is_live(self) -> bool:
        """Whether the failover is a live one."""
        return bool(self.request["failover_type"] == "live")

    @property
    def ended(self) -> str:
        """How it ended, in words."""
        left = self.said is not None and self.said.left_behind
        return ", ".join(self.ends) + (" and names what is left" if left else "")

    @contextlib.asynccontextmanager
    async def working(self, *strikes: Strike) -> AsyncIterator[None]:
        """A worker is there; where a strike kills, it is a process, and another worker goes on after it."""
        if not any(one.fault.kills for one in strikes):
            self.striker.add(*strikes)
            await self._work()
            yield
            await self.whole.site.stop_worker()
            return
        environment = environment_of(self.whole.site, FAILOVER_HEARTBEAT_SECONDS="3") | {
            STRIKES: ";".join(one.as_text() for one in strikes)
        }
        async with worker_process(self.folder, environment, program=_PROGRAM) as process:
            await process.work()
            replaced = asyncio.create_task(self._replace(process))
            try:
                yield
                assert await replaced == _SIGKILL, "the worker was to be killed"
            finally:
                replaced.cancel()
                await self.whole.site.stop_worker()

    @contextlib.asynccontextmanager
    async def converting(self, settings: Mapping[str, Any], strike: Strike) -> AsyncIterator[None]:
        """A conversion worker is there; where the strike kills, as above."""
        made = ConversionSettings(_env_file=None, **settings)
        worker = make_conversion_worker(made, self.whole.client)
        if not strike.fault.kills:
            self.striker.add(strike)
            async with worker:
                yield
            return
        environment = environment_of(self.whole.site, **settings) | {STRIKES: strike.as_text()}
        async with worker_process(self.folder, environment, program=_PROGRAM) as process:
            await process.work()
            replaced = asyncio.create_task(self._convert_after(process, worker))
            try:
                yield
                assert await process.end() == _SIGKILL, "the worker was to be killed"
            finally:
                replaced.cancel()
                await asyncio.gather(replaced, return_exceptions=True)

    async def _convert_after(self, process: WorkerProcess, worker: Worker) -> None:
        await process.end()
        async with worker:
            await asyncio.Event().wait()

    async def _replace(self, process: WorkerProcess) -> int:
        code = await process.end()
        await self._work()
        return code

    async def _work(self) -> None:
        async with _OPENING:
            await self.whole.site.start_worker()

    async def start(self) -> WorkflowHandle[Any, FailoverResult]:
        """Start the failover."""
        return await self.whole.site.start(self.request)

    async def suffer(self, struck: Handle) -> None:
        """Cancel the workflow where the row asks for it, while its activity is held back."""
        if self.strike.fault.holds:
            await self.striker.reached()
            await struck.cancel()
            self.striker.open()

    async def end_of(self, handle: WorkflowHandle[Any, FailoverResult]) -> Claim:
        """Wait for the end of the run, rolled back by order where it holds, and judge what it says."""
        result = asyncio.create_task(handle.result())
        async with asyncio.timeout(_PATIENCE):
            while not (await asyncio.wait({result}, timeout=_LOOK))[0]:
                if "held" not in self.ends and await self._holds(handle):
                    self.ends.append("held")
                    self.let_the_vm_write()
                    await self.order(handle, ROLL_BACK_UPDATE, ROLL_BACK)
        claim = self._claim_of(handle, result)
        return self.judge(claim)

    async def _holds(self, handle: Handle) -> bool:
        found = await handle.describe()
        return found.search_attributes.get(OUTCOME_ATTRIBUTE) == ["held"]

    def _claim_of(self, handle: Handle, ended: asyncio.Task[FailoverResult]) -> Claim:
        error = ended.exception()
        if error is None:
            result = ended.result()
            return Claim(
                handle.id,
                result.outcome.value,
                self.is_live,
                self.on,
                result,
                unrecorded=any("the database does not know" in one for one in result.warnings),
            )
        assert isinstance(error, WorkflowFailureError), repr(error)
        cause = error.cause
        assert isinstance(cause, (ApplicationError, CancelledError)), repr(cause)
        report = self._report_of(handle, cause)
        outcome = report.outcome.value if report else "cancelled"
        return Claim(
            handle.id,
            outcome,
            self.is_live,
            self.on,
            removed=report.removed if report else (),
            left_behind=report.left_behind if report else (),
            restored=report.restored if report else (),
            unrecorded="The database does not know" in cause.message or self._keeps_its_lease,
        )

    @property
    def _keeps_its_lease(self) -> bool:
        return (self.strike.activity, self.strike.fault) == ("ReleaseLeaseActivity", Fault.FINAL)

    def _report_of(self, handle: Handle, cause: ApplicationError | CancelledError) -> FailureReport | None:
        if isinstance(cause, ApplicationError):
            assert cause.type != "", "no typed error"
            return FailureReport.model_validate(cause.details[0])
        # A cancelled workflow carries no details: what it left stands in the database.
        row = look(self.whole).row("failover_runs", workflow_id=handle.id)
        return FailureReport.model_validate(json.loads(row["result"])) if row.get("result") else None

    def follower(self, claim: Claim, word: str) -> WorkflowHandle[Any, EndReport]:
        """The workflow that ends the VM's time."""
        return self.whole.client.get_workflow_handle(f"{claim.workflow_id}-{word}", result_type=EndReport)

    async def source_returned(self, claim: Claim) -> None:
        """Wait until the database says that the lost source is there again."""
        await until(
            lambda: look(self.whole).row("failover_runs", workflow_id=claim.workflow_id)["source_power"]
        )

    async def order(self, handle: Handle, update: str, order: dict[str, Any]) -> None:
        """Give an order to the workflow that ends the VM's time, as soon as it takes one."""
        async with asyncio.timeout(_PATIENCE):
            while True:
                try:
                    await handle.execute_update(update, order)
                except WorkflowUpdateFailedError:
                    # It is recorded what became of the order before, and the workflow does not know it yet.
                    await asyncio.sleep(_LOOK)
                else:
                    return

    async def end_of_its_time(
        self, handle: WorkflowHandle[Any, EndReport], run: Claim, update: str, order: dict[str, Any]
    ) -> None:
        """Wait for the end of the VM's time, and judge; where something is left, judge and order again."""
        result = asyncio.create_task(handle.result())
        removed: list[str] = []
        restored: list[str] = []
        async with asyncio.timeout(_PATIENCE):
            while not (await asyncio.wait({result}, timeout=_LOOK))[0]:
                if self._is_not_recorded and "unrecorded" not in self.ends:
                    self.ends.append("unrecorded")
                    await self.order(handle, update, order)
                seen = look(self.whole)
                row = seen.row("failover_runs", workflow_id=run.workflow_id)
                summary = str(seen.rows["vm_replication_contexts"][0]["last_operation_summary"])
                again = "cleanup_required" in self.ends
                if row["ending"] == "cleanup_required" and "cleanup_required" in summary and not again:
                    report = EndReport.model_validate(json.loads(row["end_report"])["report"])
                    removed += report.removed
                    restored += report.restored
                    self._judge_the_end(run, report, removed, restored)
                    await self.order(handle, update, order)
        report = result.result()
        self._judge_the_end(run, report, [*removed, *report.removed], [*restored, *report.restored])

    @property
    def _is_not_recorded(self) -> bool:
        """Whether the record of the end failed for good by now."""
        final = self.strike.fault in {Fault.FINAL, Fault.FINAL_AFTER}
        return self.strike.activity == "RecordEndActivity" and final and self.strike in self.striker.struck

    def _judge_the_end(
        self, run: Claim, report: EndReport, removed: Sequence[str], restored: Sequence[str]
    ) -> None:
        self.judge(
            Claim(
                run.workflow_id,
                report.end,
                self.is_live,
                self.on,
                run.result,
                tuple(removed),
                report.left_behind,
                tuple(restored),
            )
        )

    def judge(self, claim: Claim) -> Claim:
        """Compare what is said with what is."""
        self.said = claim
        self.ends.append(claim.outcome)
        # A step that failed for good after its effect is named as not done: nobody knows better.
        lenient = self.strike.fault is Fault.FINAL_AFTER
        wrong = untrue(self.before, look(self.whole), claim, lenient=lenient)
        assert not wrong, "\n  ".join([f"{self.ends}: {claim.left_behind}", *wrong])
        return claim

    def let_the_vm_write(self) -> None:
        """A running VM writes to its disks: from here on only a revert brings the old content back."""
        for volume in self.whole.replicas.volumes:
            vm = volume.vm
            if vm is not None and vm is not self.whole.replicas.appliance and vm.state is VmState.RUNNING:
                volume.content += ", and what the new VM wrote"


@contextlib.asynccontextmanager
async def stage_for(
    client: Client,
    folder: Path,
    request: dict[str, Any],
    *,
    on: str,
    strike: Strike,
    also: tuple[Strike, ...],
    settings: Mapping[str, Any],
    **replicas: Any,  # noqa: ANN401 - whatever ``seed_replicas`` takes
) -> AsyncIterator[Stage]:
    """Open a site on SQLite without a worker."""
    striker = Striker()
    url = f"sqlite+aiosqlite:///{folder / 'site.db'}"
    async with contextlib.AsyncExitStack() as stack:
        async with _OPENING:
            whole = await stack.enter_async_context(
                open_whole_site(client_with(client, striker), url, settings=CALM | dict(settings), **replicas)
            )
        yield Stage(whole, folder, request, on, strike, also, striker, look(whole))
