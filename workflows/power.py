"""The source is off, read as off; or an operator declared it lost and nobody says otherwise."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.failures import failure
    from activities.messages.source_power import PowerOffRequest, PowerQuery, PowerState, SourcePower
    from rules.context import VMContext
    from rules.errors import FailoverErrorType
    from rules.outcomes import SourceEnd
    from rules.policy import FailoverPolicy
    from workflows import source_steps

_GRACEFUL = "graceful"
_UNKNOWN = "unknown"
_ON = frozenset({PowerState.ON, PowerState.SUSPENDED})


async def read(context: VMContext, policy: FailoverPolicy, why: str) -> SourcePower:
    """Read the source's power."""
    return await source_steps.read_power(PowerQuery(context=context), why, policy)


async def confirm_lost(context: VMContext, policy: FailoverPolicy, reason: str) -> SourceEnd:
    """Ask once more: a source that the VMA reports as on is not lost, whoever said so.

    Raises:
        ApplicationError: SourceNotLost.
    """
    power = await read(context, policy, "declared lost, is it?")
    if power.state in _ON:
        raise failure(
            FailoverErrorType.SOURCE_NOT_LOST,
            f"The source was declared lost, and the VMA reports it {power.state.value}",
        )
    return SourceEnd(
        lost=power.state is PowerState.UNREACHABLE,
        reason=reason,
        off_at=power.observed_at if power.state is PowerState.OFF else None,
    )


async def power_off(
    context: VMContext, policy: FailoverPolicy, about_to: Callable[[], Awaitable[None]]
) -> tuple[SourceEnd, tuple[str, ...]]:
    """Power the source off: gently first, then by force; done only when it is read back as off.

    Args:
        context: The VM.
        policy: How long each may take.
        about_to: Called right before the first request that may change its power.

    Returns:
        What became of it, and what to warn of.

    Raises:
        ApplicationError: SourceStillOn.
    """
    power = await read(context, policy, "before the power-off")
    if power.state is PowerState.OFF:
        return SourceEnd(shutdown_method="already-off", off_at=power.observed_at), ()
    if power.state is PowerState.UNREACHABLE:
        raise failure(FailoverErrorType.SOURCE_STILL_ON, f"Nobody can say that it is off: {power.reason}")
    await about_to()
    method, power = await _off(context, policy, force=False, seconds=policy.power_off_grace_seconds)
    if power.state is not PowerState.OFF:
        forced, power = await _off(context, policy, force=True, seconds=policy.power_off_budget_seconds)
        method = forced or _UNKNOWN
    if power.state is not PowerState.OFF:
        raise failure(
            FailoverErrorType.SOURCE_STILL_ON,
            f"The source is {power.state.value} after a power-off by force {power.reason}".strip(),
        )
    if method == "already-off" or not method:
        # A try whose answer was lost did it, gently or not: nobody can say.
        method = _UNKNOWN
    warnings: tuple[str, ...] = ()
    if method != _GRACEFUL:
        how = "by force" if method == "forced" else "in a way that nobody saw"
        warnings = (f"the source was powered off {how}: its last writes may be crash-consistent only",)
    return SourceEnd(powered_off=True, shutdown_method=method, off_at=power.observed_at), warnings


async def power_on(context: VMContext, policy: FailoverPolicy, *, was_off: bool) -> SourcePower:
    """Undo: power the source on.

    Args:
        context: The VM.
        policy: How often it is looked at.
        was_off: It was read as off after the power-off. Where it was not, a guest that was asked gently may
            still be on its way down: it is watched as long as that may take.
    """
    query = PowerQuery(context=context)
    power = await source_steps.power_on(query, policy)
    until = workflow.now() + timedelta(seconds=0 if was_off else policy.power_off_grace_seconds)
    while power.state is PowerState.ON and workflow.now() < until:
        await workflow.sleep(policy.source_poll_seconds, summary="Does the source still shut down?")
        power = await source_steps.read_power(query, "does it stay on?", policy)
        if power.state is PowerState.OFF:
            return await source_steps.power_on(query, policy)
    return power


async def _off(
    context: VMContext, policy: FailoverPolicy, *, force: bool, seconds: float
) -> tuple[str, SourcePower]:
    until = workflow.now() + timedelta(seconds=seconds)
    request = PowerOffRequest(context=context, force=force, timeout_seconds=seconds)
    reply = await source_steps.power_off(request, policy)
    power = reply.power
    while power.state is not PowerState.OFF and workflow.now() < until:
        await workflow.sleep(policy.source_poll_seconds, summary="The source shuts down")
        power = await read(context, policy, "is it off?")
    return reply.shutdown_method, power
