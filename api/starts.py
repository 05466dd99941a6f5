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


class Start(NamedTuple):
    """What is started, and under which identity."""

    job_id: str
    config: UnifiedFailoverConfig
    fingerprint: str
    keyed: bool


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

    async def start(
        self, raw: dict[str, Any], caller: Caller, key: str | None
    ) -> tuple[HTTPStatus, FailoverReply]:
        """Start what the body asks for.

        Returns:
            200 with the decisions of an accepted run, or with the state of one that is over; 202 for one that
            has not answered in time.

        Raises:
            ApiError: The request or the run is refused, or Temporal does not answer.
            DatabaseError: The database is needed (a key, a VM's name) and cannot be asked.
        """
        config = await self._config(raw, caller)
        start = _start(config, caller, key)
        record = await self._runs.get(start.job_id) if start.keyed else None
        if record is not None:
            _refuse_other_row(start, record)
            await self._refuse_other_request(start)
            if record.state not in _UNDECIDED:
                return await self._as_it_stands(start)
            answer = await self._temporal.answer_of(start.job_id, seconds=self._accept_seconds)
        else:
            answer = await self._temporal.start(
                start.job_id,
                config.model_dump(mode="json", exclude_unset=True),
                {
                    MEMO_CONTEXT: config.context_id,
                    MEMO_TYPE: config.failover_type.value,
                    MEMO_FINGERPRINT: start.fingerprint,
                },
                seconds=self._accept_seconds,
            )
            if start.keyed:
                await self._refuse_other_request(start)
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
        try:
            execution: Execution | None = await self._temporal.execution(start.job_id)
        except TemporalAway:
            # What is known of the run by now is answered all the same.
            return
        if execution is not None and execution.fingerprint not in ("", start.fingerprint):
            raise _key_reused(start)

    async def _as_it_stands(self, start: Start) -> tuple[HTTPStatus, FailoverReply]:
        found = await self._jobs.find(start.job_id)
        if found is None:
            raise TemporalAway("Temporal lost the failover that it had taken: repeat the request")
        job = found.job
        if job.state == RunState.REFUSED:
            raise ApiError(
                status_of(job.error_type or ""),
                job.error_type or FailoverErrorType.ACTIVITY_FAILED,
                job.error_message or sentence(job),
                job_id=job.job_id,
                data=ErrorData(decisions=job.decisions or None, warnings=job.warnings or None),
            )
        undecided = job.status is JobStatus.PENDING or job.state in _UNDECIDED
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


def _refuse_other_row(start: Start, record: RunRecord) -> None:
    if (record.context_id, record.failover_type) != (start.config.context_id, start.config.failover_type):
        raise _key_reused(start)


def _key_reused(start: Start) -> ApiError:
    return ApiError(
        HTTPStatus.CONFLICT,
        IDEMPOTENCY_KEY_REUSED,
        "Idempotency-Key: was used for another request; a new failover needs a new key",
        job_id=start.job_id,
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
            configuration=_configuration(config, answer.vm_name),
            decisions=answer.decisions,
            warnings=answer.warnings,
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
        configuration=_configuration(config, job.vm_name),
        decisions=job.decisions,
        warnings=job.warnings,
        status_url=_status_url(job.job_id),
    )


def _configuration(config: UnifiedFailoverConfig, vm_name: str) -> Configuration:
    live = config.failover_type is FailoverType.LIVE
    return Configuration(
        failover_type=config.failover_type.value,
        vm_name=vm_name,
        network_strategy=config.strategy.value,
        vm_naming=(VmNaming.EXACT if live else VmNaming.SUFFIXED).value,
    )


def _status_url(job_id: str) -> str:
    # Our own ids need no quoting.
    return f"/api/v1/failover/{job_id}/status"
