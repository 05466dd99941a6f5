"""Start failovers and follow them: what ``temporal workflow start`` does with plain JSON, typed."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
)
from temporalio.exceptions import WorkflowAlreadyStartedError

from client import questions
from client.aftermath import aftermath_of
from client.connection import connect_temporal
from client.endings import acceptance_of, open_status, status_of
from client.errors import (
    AnswerPending,
    FailoverAlreadyRunning,
    FailoverNotCompleted,
    FailoverNotFound,
    RequestIdReused,
    TemporalUnreachable,
)
from client.following import FailoverHandle, describe, handle_of, result_of, steps_of
from client.ordering import Ordering
from client.outages import may_be_started, through_outages, typed_errors
from client.progress import Progress
from client.recorded import recorded_report
from client.requests import FailoverRequest, as_json, checked_request_id, new_workflow_id
from client.runs import FailoverStatus, FailoverSummary, RunOutcome
from client.starting import Starter
from client.steps import Step
from client.visibility import list_query, summary_of
from rules.explanation import Explanation, MappingList
from rules.outcomes import Acceptance, FailoverResult, PreflightReport
from rules.request import FailoverType
from rules.temporal_names import (
    EXPLAIN_WORKFLOW,
    FAILOVER_WORKFLOW,
    LIST_MAPPINGS_WORKFLOW,
    PREFLIGHT_WORKFLOW,
    TASK_QUEUE,
    cleanup_workflow_id,
    commit_workflow_id,
)

_Answer = TypeVar("_Answer")

_METADATA_QUERY: Final = "__temporal_workflow_metadata"
_SETTLE_SECONDS: Final = 0.1
_LOOK_SECONDS: Final = 5


class FailoverClient(Ordering):
    """A client of the failover workflow.

    Every method may raise ``TemporalUnreachable`` and ``TemporalRefused``. Those that wait for a failover do
    so only at their first call: once a run is known to exist, no outage of Temporal, of the workers or of the
    database ends the wait. Bound it with ``asyncio.timeout`` where it must be bounded; the run goes on.
    Questions are bounded by their ``timeout_seconds``.

    A program that ends soon after its last call uses the client in ``async with``.

    Args:
        client: Connected with ``pydantic_data_converter``.
        task_queue: Where the workers listen.
    """

    def __init__(self, client: Client, *, task_queue: str = TASK_QUEUE) -> None:
        super().__init__(client)
        self._task_queue = task_queue
        self._starter = Starter(client, task_queue)

    @classmethod
    async def connect(
        cls, address: str | None = None, namespace: str | None = None, *, task_queue: str = TASK_QUEUE
    ) -> Self:
        """Connect as Temporal's environment and configuration file say (``TEMPORAL_*``, profiles, TLS, key).

        Args:
            address: Host and port instead of the configured ones.
            namespace: Instead of the configured one.
            task_queue: Where the workers listen.

        Raises:
            TemporalMisconfigured: The settings cannot be used.
            TemporalUnreachable: Nothing answers there.
        """
        temporal = await connect_temporal(address, namespace)
        return cls(temporal, task_queue=task_queue)

    @property
    def _address(self) -> str:
        return self.temporal.service_client.config.target_host

    async def __aenter__(self) -> Self:
        """Use the client."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let the SDK's threads leave Python before the interpreter ends.

        They still hold on to it for a moment after a call; an interpreter that ends in that moment aborts
        (measured: one exit in five of a script that ended at once, none in sixty with half of this pause).
        """
        await asyncio.sleep(_SETTLE_SECONDS)

    async def start(
        self,
        request: FailoverRequest,
        *,
        workflow_id: str | None = None,
        request_id: str | None = None,
    ) -> FailoverHandle:
        """Start a failover, and do not wait for anything.

        Args:
            request: The job sheet's JSON; the run itself checks it and ends with a typed error.
            workflow_id: The run's name; an id whose run is closed can be used again.
            request_id: Makes the start idempotent: it becomes the workflow id, and an id that Temporal knows,
                open or closed, leads to the run that has it. Temporal forgets a closed run after the
                namespace's retention. Without either id the run gets a readable one of its own.

        Raises:
            FailoverAlreadyRunning: ``workflow_id`` belongs to a failover that is open.
            RequestIdReused: ``request_id`` belongs to a failover that was asked for otherwise.
            InvalidRequestId: It is empty, too long or not printable.
            InvalidRequest: The request cannot be written as JSON.
            ValueError: Both ids are given.
        """
        wanted = as_json(request)
        if request_id is not None:
            if workflow_id is not None:
                raise ValueError("give a workflow_id or a request_id, not both")
            return await self._start_once(wanted, checked_request_id(request_id))
        name = workflow_id or new_workflow_id(wanted)
        try:
            with typed_errors(self.temporal, name, may_be_started=True):
                return await self.temporal.start_workflow(
                    FAILOVER_WORKFLOW,
                    wanted,
                    id=name,
                    task_queue=self._task_queue,
                    result_type=FailoverResult,
                )
        except WorkflowAlreadyStartedError:
            raise FailoverAlreadyRunning(name) from None

    async def accepted(
        self, request: FailoverRequest, *, request_id: str | None = None, timeout_seconds: float = 30.0
    ) -> Acceptance:
        """Start a failover, and wait until it is accepted or refused: it is checked, and nothing is made yet.

        Args:
            request: The job sheet's JSON.
            request_id: As for :meth:`start`; a repeated request gets the first one's answer.
            timeout_seconds: How long to wait for the answer.

        Raises:
            AnswerPending: The run is there and has not answered in time; it goes on.
            RequestIdReused: ``request_id`` belongs to a failover that was asked for otherwise.
            InvalidRequestId: It is empty, too long or not printable.
            InvalidRequest: The request cannot be written as JSON.
        """
        wanted = as_json(request)
        workflow_id = checked_request_id(request_id) if request_id is not None else new_workflow_id(wanted)
        with typed_errors(self.temporal, workflow_id, may_be_started=True):
            answer = await self._starter.answer(wanted, workflow_id, timeout_seconds=timeout_seconds)
        try:
            # The SDK itself would try for longer than anybody who bounds the wait expects.
            async with asyncio.timeout(_LOOK_SECONDS):
                await self._refuse_another(wanted, workflow_id)
                if answer is not None:
                    return answer
                with may_be_started(workflow_id):
                    run = await describe(self.temporal, workflow_id, None)
        except TimeoutError:
            raise TemporalUnreachable(self._address, workflow_id=workflow_id) from None
        except FailoverNotFound:
            # Without an answer Temporal never took the start, or it would know the run.
            unclear = workflow_id if answer is not None else ""
            raise TemporalUnreachable(self._address, workflow_id=unclear) from None
        if run.status is WorkflowExecutionStatus.RUNNING:
            raise AnswerPending(workflow_id)
        with may_be_started(workflow_id):
            return acceptance_of(await self.wait(workflow_id))

    async def result(self, workflow_id: str, *, run_id: str | None = None) -> FailoverResult:
        """Wait until the failover is over, and return its result. A reset is followed to the new run.

        Raises:
            FailoverNotCompleted: It failed, was refused, cancelled or terminated.
            FailoverNotFound: Temporal knows no such run.
        """
        return await result_of(self.temporal, workflow_id, run_id)

    async def wait(
        self, workflow_id: str, *, run_id: str | None = None, until_held: bool = False
    ) -> FailoverStatus:
        """Wait until the failover is over, however it ends, and tell how.

        Args:
            workflow_id: The run.
            run_id: An earlier run of that id.
            until_held: Return as well when it holds: then it waits for an operator's order, however long.

        Raises:
            FailoverNotFound: Temporal knows no such run.
        """
        if until_held:
            async for _ in steps_of(self.temporal, workflow_id, run_id, until_held=True):
                pass
            return await self.status(workflow_id, run_id=run_id)
        try:
            result = await self.result(workflow_id, run_id=run_id)
        except FailoverNotCompleted as error:
            run = await self._seen(workflow_id, run_id)
            if error.report is None:
                error.report = await recorded_report(self.temporal, workflow_id, run.run_id)
            return await self._with_what_is_left(status_of(run, error))
        end = status_of(await self._seen(workflow_id, run_id), result)
        if not end.continues_as:
            return end
        return end.model_copy(update={"aftermath": await aftermath_of(self.temporal, end.continues_as)})

    async def status(self, workflow_id: str, *, run_id: str | None = None) -> FailoverStatus:
        """Tell how a failover stands; no worker needs to be there to answer.

        Raises:
            FailoverNotFound: Temporal knows no such run.
        """
        run = await describe(self.temporal, workflow_id, run_id)
        if run.status is not WorkflowExecutionStatus.RUNNING:
            return await self.wait(workflow_id, run_id=run.run_id)
        progress = Progress(self.temporal.data_converter)
        with typed_errors(self.temporal, workflow_id):
            async for event in handle_of(self.temporal, workflow_id, run.run_id).fetch_history_events():
                await progress.read(event)
        return open_status(run, progress)

    async def list(
        self,
        *,
        outcome: RunOutcome | None = None,
        failover_type: FailoverType | None = None,
        vm_name: str = "",
        context_id: str = "",
        limit: int = 100,
    ) -> tuple[FailoverSummary, ...]:
        """List failovers: first those that run, then those that ended, the latest first.

        Temporal's lists lag by a moment: what began or ended just now may be missing.

        Args:
            outcome: Only those that ended so, or run.
            failover_type: Only live or only test ones.
            vm_name: Only those of this VM.
            context_id: Only those of this context.
            limit: At most so many.
        """
        query = list_query(
            outcome=outcome, failover_type=failover_type or "", vm_name=vm_name, context_id=context_id
        )
        with typed_errors(self.temporal):
            found = self.temporal.list_workflows(query, limit=limit)
            return tuple([summary_of(run) async for run in found])

    async def cancel(self, workflow_id: str, *, run_id: str | None = None, reason: str = "") -> bool:
        """Ask a failover to stop; it undoes what it did, and ends when that is done.

        A live run whose new VM has started holds instead: an undo would lose what that VM wrote.

        Returns:
            False when it is over already, so that there is nothing to cancel.

        Raises:
            FailoverNotFound: Temporal knows no such run.
        """
        run = await describe(self.temporal, workflow_id, run_id)
        if run.status is not WorkflowExecutionStatus.RUNNING:
            return False
        with typed_errors(self.temporal, workflow_id):
            await handle_of(self.temporal, workflow_id, run.run_id).cancel(reason=reason)
        return True

    async def explain(
        self, context_id: str, *, timeout_seconds: float = 360.0, worker_seconds: float = 15.0
    ) -> Explanation:
        """Tell what a live and a test failover of a VM would decide. Nothing is changed.

        Args:
            context_id: The VM's replication context.
            timeout_seconds: How long the answer may take; a vCenter that hangs takes minutes.
            worker_seconds: How long it may take until a worker begins with it.

        Raises:
            QuestionRefused: The context is unknown, or the VM's NICs cannot be known.
            NoWorker: No worker listens.
            TemporalUnreachable: Also when Temporal goes away and is not back within ``timeout_seconds``.
            InvalidRequest: The context id is no text.
        """
        question = {"context_id": context_id}
        return await self._ask(EXPLAIN_WORKFLOW, question, Explanation, timeout_seconds, worker_seconds)

    async def mappings(
        self, context_id: str, *, timeout_seconds: float = 60.0, worker_seconds: float = 15.0
    ) -> MappingList:
        """List the network mappings of a VM, for live and for test. Arguments and errors as for explain."""
        question = {"context_id": context_id}
        return await self._ask(LIST_MAPPINGS_WORKFLOW, question, MappingList, timeout_seconds, worker_seconds)

    async def preflight(
        self, request: FailoverRequest, *, timeout_seconds: float = 360.0, worker_seconds: float = 15.0
    ) -> PreflightReport:
        """Tell what a failover with this request would find now. Nothing is changed, and nothing promised.

        Args:
            request: The job sheet's JSON, the same that :meth:`start` takes.
            timeout_seconds: How long the answer may take; a vCenter that hangs takes minutes.
            worker_seconds: How long it may take until a worker begins with it.

        Raises:
            QuestionRefused: The request is not valid; all else that is wrong stands in the report.
            NoWorker: No worker listens.
            TemporalUnreachable: Also when Temporal goes away and is not back within ``timeout_seconds``.
            InvalidRequest: The request cannot be written as JSON.
        """
        question = as_json(request)
        return await self._ask(PREFLIGHT_WORKFLOW, question, PreflightReport, timeout_seconds, worker_seconds)

    async def steps(
        self, workflow_id: str, *, run_id: str | None = None, until_held: bool = False
    ) -> AsyncIterator[Step]:
        """Follow a run from its first step to its end: each step once begun and once ended.

        Args:
            workflow_id: The run.
            run_id: An earlier run of that id.
            until_held: End as well when the run holds for an operator's order.

        Raises:
            FailoverNotFound: Temporal knows no such run.
        """
        async for step in steps_of(self.temporal, workflow_id, run_id, until_held=until_held):
            yield step

    async def current_details(self, workflow_id: str, *, run_id: str | None = None) -> str:
        """What the run says of itself now, in Markdown; a worker must be there to answer.

        Raises:
            FailoverNotFound: Temporal knows no such run.
        """
        with typed_errors(self.temporal, workflow_id):
            metadata: WorkflowMetadata = await handle_of(self.temporal, workflow_id, run_id).query(
                _METADATA_QUERY, result_type=WorkflowMetadata
            )
        return metadata.current_details

    async def _start_once(self, wanted: dict[str, Any], workflow_id: str) -> FailoverHandle:
        with typed_errors(self.temporal, workflow_id, may_be_started=True):
            handle = await self._starter.once(wanted, workflow_id)
        await self._refuse_another(wanted, workflow_id)
        return handle

    async def _refuse_another(self, wanted: dict[str, Any], workflow_id: str) -> None:
        with typed_errors(self.temporal, workflow_id, may_be_started=True):
            if not await self._starter.was_asked_for(wanted, workflow_id):
                raise RequestIdReused(workflow_id)

    async def _ask(
        self,
        workflow: str,
        question: Mapping[str, Any],
        answer: type[_Answer],
        timeout_seconds: float,
        worker_seconds: float,
    ) -> _Answer:
        with typed_errors(self.temporal):
            return await questions.ask(
                self.temporal,
                workflow,
                question,
                answer,
                task_queue=self._task_queue,
                timeout_seconds=timeout_seconds,
                worker_seconds=worker_seconds,
            )

    async def _with_what_is_left(self, end: FailoverStatus) -> FailoverStatus:
        """Add what goes on after a run that did not complete: it takes an order to give back what is left."""
        of_type = {FailoverType.LIVE.value: commit_workflow_id, FailoverType.TEST.value: cleanup_workflow_id}
        if end.failover_type not in of_type or end.outcome is RunOutcome.REFUSED:
            return end
        aftermath = await aftermath_of(self.temporal, of_type[end.failover_type](end.workflow_id))
        return end.model_copy(update={"aftermath": aftermath}) if aftermath and aftermath.open else end

    async def _seen(self, workflow_id: str, run_id: str | None) -> WorkflowExecutionDescription:
        with typed_errors(self.temporal, workflow_id):
            return await through_outages(handle_of(self.temporal, workflow_id, run_id).describe)
