"""The power of the source VM. What is read decides; what the agent says that it did is only told."""

import re
from datetime import UTC, datetime

import structlog
from temporalio import activity

from activities.heartbeats import heartbeats, to_the_end
from activities.messages.source_power import (
    PowerOffReply,
    PowerOffRequest,
    PowerQuery,
    PowerState,
    SourcePower,
)
from activities.translate import typed_failures
from activities.vcenter import VCenterSignIn
from database import CredentialRepository, VCenterCredential
from rules.context import VMContext
from vma import VmaClient
from vma.errors import SourceUnreachable

_log = structlog.get_logger(__name__)

_STATES = {
    "poweredon": PowerState.ON,
    "poweredoff": PowerState.OFF,
    "suspended": PowerState.SUSPENDED,
}
_SHUTDOWN_METHODS = frozenset({"graceful", "forced", "already-off"})
_ALREADY_OFF = "already-off"
_WORD = re.compile(r"[A-Za-z]{1,64}")
"""VMware's words for the tools; anything else does not get into a history."""


class SourcePowerActivities:
    """Asks the VMA, with the VM's own vCenter credential.

    Args:
        vma: The agent.
        credentials: The vCenter sign-ins of the appliance; read and decrypted in here only.
        own_credential: The worker's ``VMA_VCENTER_*`` settings as user name and password; they win.
    """

    def __init__(
        self,
        vma: VmaClient,
        credentials: CredentialRepository,
        own_credential: tuple[str, str] | None = None,
    ) -> None:
        self._vma = vma
        self._sign_in = VCenterSignIn(credentials, own_credential)

    @activity.defn(name="ReadSourcePowerActivity")
    async def read_source_power(self, request: PowerQuery) -> SourcePower:
        """Read the power state. A source that nobody can ask is an answer: unreachable, with the reason.

        Raises:
            ApplicationError: ConfigurationError without a credential; DatabaseUnavailable is retried.
        """
        with typed_failures():
            async with heartbeats():
                return await self._read(request.context, await self._sign_in.of(request.context))

    @activity.defn(name="PowerOffSourceActivity")
    async def power_off_source(self, request: PowerOffRequest) -> PowerOffReply:
        """Switch the source off and read it again; one that is off, or cannot be read, is left alone.

        The request is seen through even when the activity is cancelled: until the agent answers, a guest may
        still be on its way down, and an undo that reads it as on would go wrong.

        Raises:
            ApplicationError: ConfigurationError without a credential; DatabaseUnavailable is retried.
        """
        with typed_failures():
            async with heartbeats():
                context = request.context
                credential = await self._sign_in.of(context)
                before = await self._read(context, credential)
                if before.state is PowerState.OFF:
                    return PowerOffReply(power=before, shutdown_method=_ALREADY_OFF)
                if before.state is PowerState.UNREACHABLE:
                    return PowerOffReply(power=before)
                return await to_the_end(self._power_off(request, credential))

    @activity.defn(name="PowerOnSourceActivity")
    async def power_on_source(self, request: PowerQuery) -> SourcePower:
        """Switch the source on and read it again; one that is on, or cannot be read, is left alone.

        Raises:
            ApplicationError: ConfigurationError without a credential; DatabaseUnavailable is retried.
        """
        with typed_failures():
            async with heartbeats():
                context = request.context
                credential = await self._sign_in.of(context)
                before = await self._read(context, credential)
                if before.state in {PowerState.ON, PowerState.UNREACHABLE}:
                    return before
                return await to_the_end(self._power_on(context, credential))

    async def _power_off(self, request: PowerOffRequest, credential: VCenterCredential) -> PowerOffReply:
        context = request.context
        method = ""
        try:
            change = await self._vma.power_off(
                vcenter=context.vcenter_host,
                username=credential.username,
                password=credential.password,
                vm_id=context.vmware_vm_id,
                force=request.force,
                timeout_seconds=request.timeout_seconds,
            )
        except SourceUnreachable as error:
            _log.warning("source_power_off_unclear", context_id=context.context_id, reason=str(error))
        else:
            method = change.shutdown_method if change.shutdown_method in _SHUTDOWN_METHODS else ""
        power = await self._read(context, credential)
        _log.info(
            "source_power_off",
            context_id=context.context_id,
            force=request.force,
            state=power.state.value,
            method=method,
        )
        return PowerOffReply(power=power, shutdown_method=method)

    async def _power_on(self, context: VMContext, credential: VCenterCredential) -> SourcePower:
        try:
            await self._vma.power_on(
                vcenter=context.vcenter_host,
                username=credential.username,
                password=credential.password,
                vm_id=context.vmware_vm_id,
            )
        except SourceUnreachable as error:
            _log.warning("source_power_on_unclear", context_id=context.context_id, reason=str(error))
        power = await self._read(context, credential)
        _log.info("source_power_on", context_id=context.context_id, state=power.state.value)
        return power

    async def _read(self, context: VMContext, credential: VCenterCredential) -> SourcePower:
        try:
            reading = await self._vma.power_state(
                vcenter=context.vcenter_host,
                username=credential.username,
                password=credential.password,
                vm_id=context.vmware_vm_id,
            )
        except SourceUnreachable as error:
            return SourcePower(state=PowerState.UNREACHABLE, reason=str(error))
        state = _STATES.get(reading.power_state.lower())
        if state is None:
            return SourcePower(
                state=PowerState.UNREACHABLE, reason="The VMware agent gives a power state that is not known"
            )
        tools = reading.tools_status if _WORD.fullmatch(reading.tools_status) else ""
        return SourcePower(state=state, tools_status=tools, observed_at=datetime.now(UTC))
