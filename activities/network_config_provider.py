"""The job sheet's NetworkConfigProvider: rows from the database, decisions from the rules."""

from collections.abc import Collection, Sequence

from activities.messages.networks import ResolveNetworkRequest
from database import NetworkMappingRepository
from rules.guard import ProductionUse, guard_test_networks
from rules.request import UnifiedFailoverConfig
from rules.resolution import NetworkDecision, NetworkDefaults, resolve_networks


class NetworkConfigProvider:
    """Decides the network of every NIC in one statement on the database.

    Args:
        mappings: The dual mappings.
    """

    def __init__(self, mappings: NetworkMappingRepository) -> None:
        self._mappings = mappings

    async def decide(self, request: ResolveNetworkRequest) -> tuple[NetworkDecision, ...]:
        """Resolve, with the guard on.

        Raises:
            FailoverRefused: A rule says no.
            DatabaseError: The rows cannot be read; that is never taken for "no mappings".
        """
        defaults = NetworkDefaults(
            network_id=request.destination.network_id,
            test_network_id=request.policy.default_test_network_id,
        )
        custom = request.config.network_mappings
        rows = await self._mappings.resolution_rows(
            request.context.context_id,
            request.context.vmware_vm_id,
            [defaults.network_id, defaults.test_network_id, *custom.values()],
        )
        decisions = resolve_networks(
            failover_type=request.config.failover_type,
            custom=custom,
            nics=request.source.nics,
            rows=rows.own,
            defaults=defaults,
            policy=request.policy,
        )
        return guard_test_networks(
            request.config.failover_type,
            decisions,
            ProductionUse(rows=rows.production, live=rows.live).without(request.gone_vm_ids),
            allowed=request.config.allow_production_network,
        )

    async def guard(
        self,
        config: UnifiedFailoverConfig,
        decisions: Sequence[NetworkDecision],
        gone_vm_ids: Collection[str],
    ) -> tuple[NetworkDecision, ...]:
        """Look again on fresh rows.

        Raises:
            FailoverRefused: ProductionNetworkRefused.
            DatabaseError: The rows cannot be read.
        """
        found = await self._mappings.production_use([one.destination_network_id for one in decisions])
        return guard_test_networks(
            config.failover_type,
            decisions,
            ProductionUse(rows=found.production, live=found.live).without(gone_vm_ids),
            allowed=config.allow_production_network,
        )
