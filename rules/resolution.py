"""Network resolution: which CloudStack network each source NIC goes to, and which rule said so.

The order of the rules, first match wins:

====================  ==============================================  ============
rule                  applies when                                    for
====================  ==============================================  ============
``custom``            the request maps the NIC's source network       live, test
``mapped``            a mapping row of the failover's own kind does   live, test
``default-test``      a default test network is configured            test
``default``           the CloudStack configuration's default network  live, test
====================  ==============================================  ============

The last two are fallbacks: each is a warning, and a NIC that only falls back gives way when its network is
already taken, since CloudStack takes a network once per VM (observed, section 1). Above all rules stands the
guard: a test never gets a network that a production row names or that a VM failed over live uses.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from rules.errors import FailoverErrorType, FailoverRefused
from rules.mappings import LiveNetwork, MappingRow, network_key
from rules.models import Record
from rules.naming import is_usable_mac
from rules.nics import SourceNic
from rules.policy import FailoverPolicy, MacPolicy, TestFallback
from rules.request import FailoverType


class NetworkRule(StrEnum):
    """The rule that chose a NIC's network."""

    CUSTOM = "custom"
    MAPPED = "mapped"
    DEFAULT_TEST = "default-test"
    DEFAULT = "default"

    @property
    def is_fallback(self) -> bool:
        """Whether nobody named this network for this NIC."""
        return self in (NetworkRule.DEFAULT, NetworkRule.DEFAULT_TEST)


class NetworkDecision(Record):
    """Where one NIC goes, and why.

    Attributes:
        nic_index: The source NIC's position in device order.
        mac_address: What the new NIC is to have; empty lets CloudStack make one.
        mapping_id: The row of ``network_mappings`` behind ``mapped``.
        connected: False for a NIC that is not made, since its fallback network is already taken.
        warnings: What an operator should know of this decision.
    """

    nic_index: int
    nic_label: str = ""
    source_network_name: str
    source_mac_address: str = ""
    destination_network_id: str
    destination_network_name: str = ""
    rule: NetworkRule
    mapping_id: int | None = None
    mac_address: str = ""
    connected: bool = True
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"NIC {self.nic_index} ({self.source_network_name!r})"


class NetworkDefaults(Record):
    """The fallbacks of a site; an empty id is none."""

    network_id: str = ""
    test_network_id: str = ""


def resolve_networks(  # noqa: PLR0913 - the six inputs of the rule, and nothing else
    failover_type: FailoverType,
    custom: Mapping[str, str],
    nics: Sequence[SourceNic],
    rows: Sequence[MappingRow],
    defaults: NetworkDefaults,
    policy: FailoverPolicy,
) -> tuple[NetworkDecision, ...]:
    """Decide for each NIC, in NIC order; the first connected one becomes the default NIC.

    Args:
        failover_type: Live takes rows with ``is_test_network`` false, test those with true.
        custom: The request's own mappings; empty unless its strategy is ``custom``.
        nics: The source NICs in device order.
        rows: All rows of the VM, of both kinds.
        defaults: The default networks.
        policy: The fallback of tests, and which MAC addresses are kept.

    Raises:
        FailoverRefused: SourceNicsUnknown, UnknownSourceNetwork, AmbiguousMapping, DuplicateNetwork,
            NoFallbackNetwork or FallbackRefused.
    """
    if not nics:
        # Without a network in the call CloudStack would choose one by itself.
        raise FailoverRefused(FailoverErrorType.SOURCE_NICS_UNKNOWN, "The source VM has no known NIC")
    _refuse_unused(custom, nics)
    own_kind = _rows_by_name(rows, is_test=failover_type is FailoverType.TEST)
    decisions = [_decide(failover_type, custom, nic, own_kind, defaults, policy) for nic in nics]
    return _one_nic_per_network(decisions)


def _refuse_unused(custom: Mapping[str, str], nics: Sequence[SourceNic]) -> None:
    unused = set(custom) - {nic.network_name for nic in nics}
    if unused:
        raise FailoverRefused(
            FailoverErrorType.UNKNOWN_SOURCE_NETWORK,
            f"network_mappings: {len(unused)} of {len(custom)} entries name a network that no NIC of the VM is on",
        )


def _rows_by_name(rows: Sequence[MappingRow], *, is_test: bool) -> dict[str, list[MappingRow]]:
    # A blank name matches nothing. A row of the context outranks a legacy row that only knows the VM.
    found: dict[str, list[MappingRow]] = {}
    for row in sorted(rows, key=lambda row: (not row.context_id, row.id)):
        if row.is_test_network == is_test and row.source_network_name.strip():
            known = found.setdefault(row.source_network_name, [])
            if not known or bool(known[0].context_id) == bool(row.context_id):
                known.append(row)
    return found


def _decide(  # noqa: PLR0913 - see resolve_networks
    failover_type: FailoverType,
    custom: Mapping[str, str],
    nic: SourceNic,
    rows: Mapping[str, Sequence[MappingRow]],
    defaults: NetworkDefaults,
    policy: FailoverPolicy,
) -> NetworkDecision:
    warnings: list[str] = []
    row = None
    if nic.network_name in custom:
        rule, network_id, name = NetworkRule.CUSTOM, custom[nic.network_name], ""
    elif row := _usable_row(nic, rows.get(nic.network_name, ()), warnings):
        rule, network_id, name = NetworkRule.MAPPED, row.destination_network_id, row.destination_network_name
    else:
        rule, network_id = _fallback(failover_type, nic, defaults, policy)
        name = ""
        warnings.append(f"no {failover_type.value} mapping for this source network: rule {rule.value} chose")
    return NetworkDecision(
        nic_index=nic.index,
        nic_label=nic.label,
        source_network_name=nic.network_name,
        source_mac_address=nic.mac_address,
        destination_network_id=network_id.strip(),
        destination_network_name=name,
        rule=rule,
        mapping_id=row.id if row else None,
        mac_address=_mac(failover_type, nic, rule, policy, warnings),
        warnings=tuple(warnings),
    )


def _usable_row(nic: SourceNic, rows: Sequence[MappingRow], warnings: list[str]) -> MappingRow | None:
    usable = [row for row in rows if network_key(row.destination_network_id)]
    warnings.extend(f"mapping row {row.id} names no destination" for row in rows if row not in usable)
    if not usable:
        return None
    if len({network_key(row.destination_network_id) for row in usable}) > 1:
        raise FailoverRefused(
            FailoverErrorType.AMBIGUOUS_MAPPING,
            f"NIC {nic.index} ({nic.network_name!r}): mapping rows {_ids(usable)} name different destinations",
        )
    if len(usable) > 1:
        warnings.append(f"mapping rows {_ids(usable)} say the same: row {usable[0].id} is used")
    return usable[0]


def _fallback(
    failover_type: FailoverType, nic: SourceNic, defaults: NetworkDefaults, policy: FailoverPolicy
) -> tuple[NetworkRule, str]:
    where = f"NIC {nic.index} ({nic.network_name!r}) has no {failover_type.value} mapping"
    if failover_type is FailoverType.TEST:
        if network_key(defaults.test_network_id):
            return NetworkRule.DEFAULT_TEST, defaults.test_network_id
        if policy.test_fallback is TestFallback.REFUSE:
            raise FailoverRefused(
                FailoverErrorType.FALLBACK_REFUSED,
                f"{where}, there is no default test network, and FAILOVER_TEST_FALLBACK refuses any other",
            )
    if not network_key(defaults.network_id):
        raise FailoverRefused(
            FailoverErrorType.NO_FALLBACK_NETWORK,
            f"{where}, and the CloudStack configuration names no default network",
        )
    return NetworkRule.DEFAULT, defaults.network_id


def _mac(
    failover_type: FailoverType,
    nic: SourceNic,
    rule: NetworkRule,
    policy: FailoverPolicy,
    warnings: list[str],
) -> str:
    wanted = policy.live_mac if failover_type is FailoverType.LIVE else policy.test_mac
    if wanted is MacPolicy.NEW or not nic.mac_address:
        return ""
    if failover_type is FailoverType.TEST and rule.is_fallback:
        # A MAC address is taken once per network: a drill on a shared fallback would block the live failover.
        warnings.append("a drill on a fallback network gets a new MAC address")
        return ""
    if not is_usable_mac(nic.mac_address):
        warnings.append("the source MAC address is not usable: CloudStack makes a new one")
        return ""
    return nic.mac_address.lower().replace("-", ":")


def _one_nic_per_network(decisions: Sequence[NetworkDecision]) -> tuple[NetworkDecision, ...]:
    named: dict[str, NetworkDecision] = {}
    for decision in decisions:
        if decision.rule.is_fallback:
            continue
        first = named.setdefault(network_key(decision.destination_network_id), decision)
        if first is not decision:
            raise FailoverRefused(
                FailoverErrorType.DUPLICATE_NETWORK,
                f"{first} and {decision} both go to network {decision.destination_network_id}; "
                "CloudStack takes a network once per VM",
            )
    taken = dict(named)
    settled = []
    for decision in decisions:
        first = taken.setdefault(network_key(decision.destination_network_id), decision)
        if first is decision:
            settled.append(decision)
            continue
        warning = f"not connected: its fallback network is already the one of NIC {first.nic_index}"
        settled.append(
            decision.model_copy(update={"connected": False, "warnings": (*decision.warnings, warning)})
        )
    return tuple(settled)


def _ids(rows: Iterable[MappingRow]) -> str:
    return ", ".join(str(row.id) for row in rows)


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

    def __bool__(self) -> bool:
        return bool(self.rows or self.live)

    def __str__(self) -> str:
        parts = [f"production mapping rows {_ids(self.rows)}"] if self.rows else []
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
        )
    return tuple(
        decision.model_copy(
            update={
                "warnings": (*decision.warnings, f"allowed by the request: {reasons[decision.nic_index]}")
            }
        )
        if decision.nic_index in reasons
        else decision
        for decision in decisions
    )
