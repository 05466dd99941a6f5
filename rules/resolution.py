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
guard (``rules/guard.py``): a test never gets a production network.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from rules.errors import FailoverErrorType, FailoverRefused
from rules.mappings import MappingRow, network_key
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


class _Site(NamedTuple):
    failover_type: FailoverType
    defaults: NetworkDefaults
    policy: FailoverPolicy


def resolve_networks(  # noqa: PLR0913 - the six inputs of the rule, and nothing else
    *,
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
    site = _Site(failover_type, defaults, policy)
    return _one_nic_per_network([_decide(site, custom, nic, own_kind) for nic in nics])


def _refuse_unused(custom: Mapping[str, str], nics: Sequence[SourceNic]) -> None:
    unused = set(custom) - {nic.network_name for nic in nics}
    if unused:
        raise FailoverRefused(
            FailoverErrorType.UNKNOWN_SOURCE_NETWORK,
            f"network_mappings: {len(unused)} of {len(custom)} entries name a network that the VM is not on",
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


def _decide(
    site: _Site, custom: Mapping[str, str], nic: SourceNic, rows: Mapping[str, Sequence[MappingRow]]
) -> NetworkDecision:
    warnings: list[str] = []
    row = None
    if nic.network_name in custom:
        rule, network_id, name = NetworkRule.CUSTOM, custom[nic.network_name], ""
    elif row := _usable_row(nic, rows.get(nic.network_name, ()), warnings):
        rule, network_id, name = NetworkRule.MAPPED, row.destination_network_id, row.destination_network_name
    else:
        rule, network_id = _fallback(site, nic)
        name = ""
        warnings.append(
            f"no {site.failover_type.value} mapping for this source network: rule {rule.value} chose"
        )
    return NetworkDecision(
        nic_index=nic.index,
        nic_label=nic.label,
        source_network_name=nic.network_name,
        source_mac_address=nic.mac_address,
        destination_network_id=network_id.strip(),
        destination_network_name=name,
        rule=rule,
        mapping_id=row.id if row else None,
        mac_address=_mac(site, nic, rule, warnings),
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
            f"NIC {nic.index} ({nic.network_name!r}): rows {row_ids(usable)} name different destinations",
        )
    if len(usable) > 1:
        warnings.append(f"mapping rows {row_ids(usable)} say the same: row {usable[0].id} is used")
    return usable[0]


def _fallback(site: _Site, nic: SourceNic) -> tuple[NetworkRule, str]:
    failover_type, defaults, policy = site
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


def _mac(site: _Site, nic: SourceNic, rule: NetworkRule, warnings: list[str]) -> str:
    failover_type, _, policy = site
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


def row_ids(rows: Iterable[MappingRow]) -> str:
    """Return the ids of the rows, for people."""
    return ", ".join(str(row.id) for row in rows)
