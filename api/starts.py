"""Start a failover over HTTP: once per Idempotency-Key, and answered with accepted, refused or pending."""

import hashlib
import json
import secrets
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from api.callers import Caller
from api.envelopes import (
    Candidate,
    Configuration,
    ErrorData,
    FailoverData,
    FailoverReply,
    Job,
    JobStatus,
)
from api.errors import (
    AMBIGUOUS_VM_NAME,
    CANCELLED,
    FORBIDDEN,
    IDEMPOTENCY_KEY_REUSED,
    ApiError,
    TemporalAway,
    invalid,
    status_of,
)
from api.executions import MEMO_CONTEXT, MEMO_FINGERPRINT, MEMO_TYPE, Execution
from api.job_book import JobBook
from api.jobs import sentence
from api.temporal import TemporalGateway
from api.tokens import Scope
from database import ContextRepository, RunRecord, RunRepository, RunState
from rules.disks import DisksMode
from rules.errors import FailoverErrorType
from rules.outcomes import Acceptance
from rules.request import (
    FailoverType,
    InvalidRequest,
    UnifiedFailoverConfig,
    VmNaming,
    parse_request,
)

_ANY_CONTEXT: Final = "looked-up-by-name"
_UNDECIDED: Final = (RunState.ACCEPTED, RunState.PLANNED)
"""States in which a run may still be refused; a moment after the second one it says which."""


_LASTING: Final = (
    RunState.VM_CREATED,
    RunState.STARTING,
    RunState.HELD,
    RunState.UNDOING,
    RunState.COMPLETED,
    RunState.FAILED,
    RunState.REFUSED,
)
"""States that say by themselves whether the run was accepted; of any other, Temporal may know the answer."""


class Start(NamedTuple):
    """What is started, and under which identity.

    Attributes:
        record: What the first request with this key recorded; None where there is nothing.
    """

    job_id: str
    config: UnifiedFailoverConfig
    fingerprint: str
    keyed: bool
    record: RunRecord | None = None


class Starter:
    """Starts failovers.

    Args:
        runs: What runs recorded: a repeated key starts no second run, even when Temporal forgot the first.
        contexts: To find a VM by its name.
        temporal: Where runs are started.
        jobs: To show a run that is there already.
        accept_seconds: How long a caller waits for accepted or refused.
    """

    def __init__(
        self,
        runs: RunRepository,
        contexts: ContextRepository,
        temporal: TemporalGateway,
        jobs: JobBook,
        *,
        accept_seconds: float,
    ) -> None:
        self._runs = runs
        self._contexts = contexts
        self._temporal = temporal
        self._jobs = jobs
        self._accept_seconds = accept_seconds

    async def prepare(self, raw: dict[str, Any], caller: Caller, key: str | None) -> Start:
        """Read what the body asks for; nothing is started yet.

        Raises:
            ApiError: The request is wrong, or the caller may not.
            DatabaseError: The database is needed (a key, a VM's name) and cannot be asked.
        """
        start = _start(await self._config(raw, caller), caller, key)
        if not start.keyed:
            return start
        record = await self._runs.get(start.job_id)
        if record is not None:
            _refuse_other(start, record.context_id, record.failover_type)
        return start._replace(record=record)

    async def start(self, start: Start) -> tuple[HTTPStatus, FailoverReply]:
        """Start it, unless a run with this identity was ever started.

        Returns:
            200 with the decisions of an accepted run, or with the state of one that is over; 202 for one that
            has not answered in time.

        Raises:
            ApiError: The run is refused, or Temporal does not answer; with the job's id, unless it is certain
                that nothing was started.
        """
        if start.record is not None:
            await self._refuse_other_request(start)
            if start.record.state in _LASTING:
                return await self._as_it_stands(start)
            answer = await self._temporal.answer_of(start.job_id, seconds=self._accept_seconds)
            if answer is not None and answer.accepted:
                return await self._as_it_stands(start, was_accepted=True)
        else:
            answer = await self._temporal.start(
                start.job_id,
                start.config.model_dump(mode="json", exclude_unset=True),
                {
                    MEMO_CONTEXT: start.config.context_id,
                    MEMO_TYPE: start.config.failover_type.value,
                    MEMO_FINGERPRINT: start.fingerprint,
                },
                seconds=self._accept_seconds,
            )
            if start.keyed:
                await self._refuse_unless_same(start, answer)
        if answer is None:
            return await self._as_it_stands(start)
        if not answer.accepted:
            raise _refused(start, answer)
        return HTTPStatus.OK, _accepted(start, answer)

    async def _config(self, raw: dict[str, Any], caller: Caller) -> UnifiedFailoverConfig:
        by_name = raw.get("context_id") is None and raw.get("vm_name") is not None
        said = {**raw, "context_id": _ANY_CONTEXT} if by_name else raw
        try:
            config = parse_request(said)
        except InvalidRequest as refusal:
            raise invalid(refusal.problems) from None
        if caller.name:
            if config.user_id not in (None, caller.name):
                raise ApiError(
                    HTTPStatus.FORBIDDEN,
                    FORBIDDEN,
                    "user_id: is not the name of the token; leave it out",
                    data=ErrorData(fields=("user_id",)),
                )
            config = _with(config, user_id=caller.name)
        caller.require(Scope.LIVE if config.failover_type is FailoverType.LIVE else Scope.TEST)
        if config.allow_production_network:
            caller.require(Scope.LIVE)
        if by_name:
            config = _with(config, context_id=await self._context_of(config.vm_name or ""))
        return config

    async def _context_of(self, vm_name: str) -> str:
        found = await self._contexts.candidates(vm_name)
        if not found:
            raise ApiError(
                HTTPStatus.NOT_FOUND,
                FailoverErrorType.UNKNOWN_CONTEXT,
                "vm_name: no replication context has a VM of this name",
            )
        if len(found) > 1:
            raise ApiError(
                HTTPStatus.CONFLICT,
                AMBIGUOUS_VM_NAME,
                "vm_name: several replication contexts have a VM of this name; repeat with one's context_id",
                data=ErrorData(
                    candidates=tuple(
                        Candidate(context_id=one.context_id, vcenter_host=one.vcenter_host) for one in found
                    )
                ),
            )
        return found[0].context_id

    async def _refuse_other_request(self, start: Start) -> None:
        """Compare whole requests while Temporal has the first one; the row's context and type always are."""
        try:
            execution: Execution | None = await self._temporal.execution(start.job_id)
        except TemporalAway:
            return
        if execution is not None and execution.fingerprint not in ("", start.fingerprint):
            raise _key_reused(start)

    async def _refuse_unless_same(self, start: Start, answer: Acceptance | None) -> None:
        """Answer nobody with a run that may be another request's."""
        if answer is not None:
            _refuse_other(start, answer.context_id, answer.failover_type)
        try:
            execution = await self._temporal.execution(start.job_id)
        except TemporalAway:
            execution = None
        if execution is None:
            raise TemporalAway(
                "Temporal has the failover of this Idempotency-Key, and does not say which request began it:"
                " repeat the request with the same key",
                job_id=start.job_id,
            )
        _refuse_other(start, execution.context_id, execution.failover_type)
        if execution.fingerprint not in ("", start.fingerprint):
            raise _key_reused(start)

    async def _as_it_stands(
        self, start: Start, *, was_accepted: bool = False
    ) -> tuple[HTTPStatus, FailoverReply]:
        try:
            found = await self._jobs.find_started(start.job_id)
        except TemporalAway:
            raise TemporalAway(
                "The failover is taken, and how it stands cannot be asked now: ask for this job later",
                job_id=start.job_id,
            ) from None
        if found is None:
            raise TemporalAway(
                "Temporal had taken the failover, and does not know it any more: ask for this job later",
                job_id=start.job_id,
            )
        job = found.job
        was_accepted = was_accepted or found.got_past_checks
        undecided = not was_accepted and (job.status is JobStatus.PENDING or job.state in _UNDECIDED)
        if not (was_accepted or undecided):
            raise _ended_unaccepted(job)
        reply = FailoverReply(message=sentence(job), job_id=job.job_id, data=_data_of_job(start, job))
        return HTTPStatus.ACCEPTED if undecided else HTTPStatus.OK, reply


def _start(config: UnifiedFailoverConfig, caller: Caller, key: str | None) -> Start:
    said = config.model_dump(mode="json", exclude_unset=True)
    fingerprint = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    if key is None:
        # Only what is safe in a URL, a file name and a query is taken from the context's id.
        context = "".join(one if one.isascii() and one.isalnum() else "-" for one in config.context_id)
        job_id = f"failover-{config.failover_type.value}-{context}-{secrets.token_hex(4)}"
        return Start(job_id, config, fingerprint, keyed=False)
    # A key belongs to its token: nobody reaches another's job by guessing one.
    digest = hashlib.sha256(f"{caller.name}\0{key}".encode()).hexdigest()
    return Start(f"failover-key-{digest[:40]}", config, fingerprint, keyed=True)


def _with(config: UnifiedFailoverConfig, **values: str) -> UnifiedFailoverConfig:
    return config.model_copy(update=values)


def _refuse_other(start: Start, context_id: str, failover_type: str) -> None:
    """Refuse a key whose run is another VM's or another kind's; what the run has not said is not compared."""
    config = start.config
    if context_id not in ("", config.context_id) or failover_type not in ("", config.failover_type):
        raise _key_reused(start)


def _key_reused(start: Start) -> ApiError:
    return ApiError(
        HTTPStatus.CONFLICT,
        IDEMPOTENCY_KEY_REUSED,
        "Idempotency-Key: was used for another request; a new failover needs a new key",
        job_id=start.job_id,
    )


def _ended_unaccepted(job: Job) -> ApiError:
    error_type = job.error_type or (
        CANCELLED if job.status is JobStatus.CANCELLED else FailoverErrorType.ACTIVITY_FAILED
    )
    return ApiError(
        status_of(error_type),
        error_type,
        job.error_message or sentence(job),
        job_id=job.job_id,
        data=ErrorData(
            held_by=job.held_by,
            decisions=job.decisions or None,
            warnings=job.warnings or None,
            preflight=job.checks or None,
        ),
    )


def _refused(start: Start, answer: Acceptance) -> ApiError:
    return ApiError(
        status_of(answer.error_type),
        answer.error_type,
        answer.message,
        job_id=start.job_id,
        data=ErrorData(
            held_by=answer.held_by or None,
            decisions=answer.decisions or None,
            warnings=answer.warnings or None,
            preflight=answer.checks or None,
        ),
    )


def _accepted(start: Start, answer: Acceptance) -> FailoverReply:
    config = start.config
    return FailoverReply(
        message=f"The {config.failover_type.value} failover of {answer.vm_name} is accepted and runs",
        job_id=start.job_id,
        data=FailoverData(
            status=JobStatus.RUNNING,
            failover_type=config.failover_type.value,
            context_id=config.context_id,
            vm_name=answer.vm_name,
            destination_name=answer.vm_name if config.failover_type is FailoverType.LIVE else "",
            configuration=_configuration(config, answer.vm_name, decided=True, whole=bool(answer.checks)),
            decisions=answer.decisions,
            warnings=answer.warnings,
            checks=answer.checks,
            status_url=_status_url(start.job_id),
        ),
    )


def _data_of_job(start: Start, job: Job) -> FailoverData:
    config = start.config
    return FailoverData(
        status=job.status,
        failover_type=config.failover_type.value,
        context_id=config.context_id,
        vm_name=job.vm_name,
        destination_name=job.destination_name,
        configuration=_configuration(config, job.vm_name, decided=bool(job.checks), whole=bool(job.checks)),
        decisions=job.decisions,
        disks=job.disks,
        warnings=job.warnings,
        checks=job.checks,
        status_url=_status_url(job.job_id),
    )


def _configuration(
    config: UnifiedFailoverConfig, vm_name: str, *, decided: bool, whole: bool
) -> Configuration:
    """Say what is in force.

    Args:
        config: What was asked for.
        vm_name: The source's.
        decided: Whether it is known what the site does about disks that the request does not name.
        whole: Whether the run has checked disks, which a rehearsal of the networks has not.
    """
    live = config.failover_type is FailoverType.LIVE
    moves: bool | None = whole if decided else None
    if config.disks is not None:
        moves = config.disks is DisksMode.REPLICATED
    return Configuration(
        failover_type=config.failover_type.value,
        vm_name=vm_name,
        network_strategy=config.strategy.value,
        vm_naming=(VmNaming.EXACT if live else VmNaming.SUFFIXED).value,
        moves_disks=moves,
        power_off_source=moves and live and not config.source_lost,
        perform_final_sync=moves and config.final_sync,
        skip_virtio=bool(config.skip_virtio),
    )


def _status_url(job_id: str) -> str:
    # Our own ids need no quoting.
    return f"/api/v1/failover/{job_id}/status"
