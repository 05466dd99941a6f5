"""Network resolution as activities: every decision goes into the history, the result and the log."""

from collections.abc import Iterable

import structlog
from temporalio import activity

from activities.messages.networks import GuardRequest, ResolvedNetworks, ResolveNetworkRequest
from activities.network_config_provider import NetworkConfigProvider
from activities.translate import typed_failures
from rules.resolution import NetworkDecision

_log = structlog.get_logger(__name__)


class NetworkActivities:
    """Resolves networks and guards them.

    Args:
        provider: Decides.
    """

    def __init__(self, provider: NetworkConfigProvider) -> None:
        self._provider = provider

    @activity.defn(name="ResolveNetworkActivity")
    async def resolve_network(self, request: ResolveNetworkRequest) -> ResolvedNetworks:
        """Decide each NIC's network.

        Raises:
            ApplicationError: Any refusal of ``rules.resolution`` or the guard; DatabaseUnavailable.
        """
        with typed_failures():
            decisions = await self._provider.decide(request)
        _log_decisions(request, decisions)
        return ResolvedNetworks(decisions=decisions)

    @activity.defn(name="GuardNetworksActivity")
    async def guard_networks(self, request: GuardRequest) -> ResolvedNetworks:
        """Look again, on fresh rows, that a test stays off production.

        Raises:
            ApplicationError: ProductionNetworkRefused, DatabaseUnavailable.
        """
        with typed_failures():
            decisions = await self._provider.guard(request.config, request.decisions, request.gone_vm_ids)
        return ResolvedNetworks(decisions=decisions)


def _log_decisions(request: ResolveNetworkRequest, decisions: Iterable[NetworkDecision]) -> None:
    for one in decisions:
        log = _log.warning if one.warnings else _log.info
        log(
            "network_decision",
            workflow_id=request.workflow_id,
            context_id=request.context.context_id,
            failover_type=request.config.failover_type.value,
            **one.model_dump(mode="json"),
        )
