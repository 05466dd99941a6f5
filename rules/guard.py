"""The guard above all rules: a test VM never lands on a production network by accident.

Production is a network that any mapping row of any VM with ``is_test_network = 0`` or
``is_production_network = 1`` names, or that a VM failed over live by us uses now (issue 3).
"""

from collections.abc import Collection, Sequence

from rules.errors import FailoverErrorType, FailoverRefused
from rules.mappings import LiveNetwork, MappingRow, network_key
from rules.models import Record
from rules.request import FailoverType
from rules.resolution import NetworkDecision, row_ids


class ProductionUse(Record):
    """Why a network counts as production: rows that name it, and VMs failed over live that use it."""

    rows: tuple[MappingRow, ...] = ()
    live: tuple[LiveNetwork, ...] = ()

    def of(self, network_id: str) -> "ProductionUse":
        """Return the part of it that is about one network."""
        key = network_key(network_id)
        return ProductionUse(
            rows=tuple(
                row
                for row in self.rows
                if row.is_production and network_key(row.destination_network_id) == key
            ),
            live=tuple(one for one in self.live if network_key(one.network_id) == key),
        )

    def without(self, gone_vm_ids: Collection[str]) -> "ProductionUse":
        """Return it without the VMs that CloudStack says are gone."""
        return ProductionUse(
            rows=self.rows, live=tuple(one for one in self.live if one.vm_id not in gone_vm_ids)
        )

    def __bool__(self) -> bool:
        return bool(self.rows or self.live)

    def __str__(self) -> str:
        parts = [f"production mapping rows {row_ids(self.rows)}"] if self.rows else []
        parts += [
            f"VM {one.vm_id or one.context_id} failed over live by {one.workflow_id}" for one in self.live
        ]
        return " and ".join(parts)


def guard_test_networks(
    failover_type: FailoverType,
    decisions: Sequence[NetworkDecision],
    production: ProductionUse,
    *,
    allowed: bool,
) -> tuple[NetworkDecision, ...]:
    """Keep a test VM off every production network, whatever rule chose it.

    Args:
        failover_type: A live failover passes: production networks are what it is for.
        decisions: What the rules chose.
        production: Fresh rows of any VM, and the networks in use by VMs that were failed over live.
        allowed: The request says ``allow_production_network`` and why: a warning instead of a refusal.

    Raises:
        FailoverRefused: ProductionNetworkRefused; names every such NIC, its network and the rows.
    """
    if failover_type is FailoverType.LIVE:
        return tuple(decisions)
    reasons = {
        decision.nic_index: f"network {decision.destination_network_id} is production ({found})"
        for decision in decisions
        if decision.connected and (found := production.of(decision.destination_network_id))
    }
    if reasons and not allowed:
        text = "; ".join(f"{one}: {reasons[one.nic_index]}" for one in decisions if one.nic_index in reasons)
        raise FailoverRefused(
            FailoverErrorType.PRODUCTION_NETWORK_REFUSED,
            f"A test failover must not touch production. {text}",
            production,
        )
    return tuple(_allowed(one, reasons.get(one.nic_index)) for one in decisions)


def _allowed(decision: NetworkDecision, reason: str | None) -> NetworkDecision:
    warning = f"allowed by the request: {reason}"
    if reason is None or warning in decision.warnings:
        return decision
    # A MAC address is taken once per network: kept by a drill it would block the live failover.
    return decision.model_copy(update={"warnings": (*decision.warnings, warning), "mac_address": ""})
