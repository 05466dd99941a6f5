"""Whole situations of a failover, drawn at random: NICs, rows of both kinds and of many VMs, defaults.

Ids come from a small pool, so that networks collide often, and are spelled as people type them.
"""

from dataclasses import dataclass, replace

from hypothesis import strategies as st

from rules.guard import ProductionUse, guard_test_networks
from rules.mappings import LiveNetwork, MappingRow
from rules.nics import SourceNic
from rules.policy import FailoverPolicy, MacPolicy, TestFallback
from rules.request import FailoverType
from rules.resolution import NetworkDecision, NetworkDefaults, resolve_networks

NETWORKS = tuple(f"{digit * 8}-aaaa-4bbb-8ccc-ddddeeeeffff" for digit in "0123456789")
SOURCES = ("VM Network", "vm network", "VM Network ", "DMZ", "Backup", "", "  ")
_BLANKS = ("", " ", "\t", "\n", "  ", "\u00a0", "\u3000")
_MACS = ("", "00:50:56:01:00:01", "00-50-56-AA-BB-CC", "01:00:5e:00:00:01", "zz:00")


def same_network(one: str, other: str) -> bool:
    """Compare as CloudStack would; written apart from ``network_key``, which is under test."""
    return "".join(one.split()).upper() == "".join(other.split()).upper()


@st.composite
def spelled(draw: st.DrawFn, network: str) -> str:
    """Return the id as somebody may have typed it."""
    typed = draw(st.sampled_from((network, network, network.upper(), network.title())))
    blank = st.sampled_from(_BLANKS)
    return draw(blank) + typed + draw(blank)


def network_ids(pool: tuple[str, ...] = NETWORKS) -> st.SearchStrategy[str]:
    return st.sampled_from(pool).flatmap(spelled)


def _or_blank(ids: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(ids, ids, ids, st.sampled_from(_BLANKS))


@st.composite
def mapping_rows(
    draw: st.DrawFn,
    *,
    contexts: tuple[str, ...] = ("ctx-1", ""),
    pool: tuple[str, ...] = NETWORKS,
    most: int = 8,
) -> list[MappingRow]:
    """Return rows with distinct ids, in any order."""
    number = draw(st.integers(0, most))
    ids = draw(st.permutations(range(1, number + 1)))
    return [
        MappingRow(
            id=row_id,
            context_id=draw(st.sampled_from(contexts)),
            source_network_name=draw(st.sampled_from(SOURCES)),
            destination_network_id=draw(_or_blank(network_ids(pool))),
            destination_network_name=draw(st.sampled_from(("", "a name"))),
            is_test_network=draw(st.booleans()),
            is_production_network=draw(st.booleans()),
        )
        for row_id in ids
    ]


@st.composite
def source_nics(draw: st.DrawFn) -> list[SourceNic]:
    return [
        SourceNic(
            index=index,
            label=draw(st.sampled_from(("", "ethernet--7"))),
            network_name=draw(st.sampled_from(SOURCES)),
            mac_address=draw(st.sampled_from(_MACS)),
        )
        for index in range(draw(st.integers(1, 5)))
    ]


@st.composite
def live_networks(draw: st.DrawFn, pool: tuple[str, ...] = NETWORKS) -> list[LiveNetwork]:
    return [
        LiveNetwork(
            network_id=draw(network_ids(pool)),
            workflow_id=f"live-{number}",
            context_id=f"ctx-{number}",
            vm_id=draw(st.sampled_from(("", f"vm-{number}"))),
        )
        for number in range(draw(st.integers(0, 2)))
    ]


@dataclass(frozen=True)
class World:
    """What a resolution gets, and what the guard gets."""

    failover_type: FailoverType
    custom: dict[str, str]
    nics: list[SourceNic]
    rows: list[MappingRow]
    defaults: NetworkDefaults
    policy: FailoverPolicy
    production: ProductionUse
    allowed: bool

    def resolve(self) -> tuple[NetworkDecision, ...]:
        return resolve_networks(
            failover_type=self.failover_type,
            custom=self.custom,
            nics=self.nics,
            rows=self.rows,
            defaults=self.defaults,
            policy=self.policy,
        )

    def guarded(self) -> tuple[NetworkDecision, ...]:
        return guard_test_networks(self.failover_type, self.resolve(), self.production, allowed=self.allowed)

    def but(self, **changes: object) -> "World":
        return replace(self, **changes)  # type: ignore[arg-type]  # the names are those of the fields

    @property
    def own_rows(self) -> list[MappingRow]:
        """Return the rows of the failover's own kind."""
        return [row for row in self.rows if row.is_test_network is (self.failover_type is FailoverType.TEST)]


@st.composite
def worlds(
    draw: st.DrawFn, failover_type: FailoverType | None = None, pool: tuple[str, ...] = NETWORKS
) -> World:
    """Return a situation; some of them are refused."""
    nics = draw(source_nics())
    rows = draw(mapping_rows(pool=pool))
    own_names = [nic.network_name for nic in nics if nic.network_name.strip()]
    names = own_names if own_names and draw(st.integers(0, 4)) > 0 else ["a network that the VM is not on"]
    custom = (
        draw(st.dictionaries(st.sampled_from(names), network_ids(pool), min_size=1, max_size=2))
        if draw(st.integers(0, 2)) == 0
        else {}
    )
    others = draw(mapping_rows(contexts=("ctx-2", "ctx-3", ""), pool=pool, most=3))
    return World(
        failover_type=failover_type or draw(st.sampled_from(FailoverType)),
        custom=custom,
        nics=nics,
        rows=rows,
        defaults=NetworkDefaults(
            network_id=draw(_or_blank(network_ids(pool))),
            test_network_id=draw(st.one_of(st.just(""), network_ids(pool))),
        ),
        policy=FailoverPolicy(
            test_fallback=draw(st.sampled_from(TestFallback)),
            live_mac=draw(st.sampled_from(MacPolicy)),
            test_mac=draw(st.sampled_from(MacPolicy)),
        ),
        production=ProductionUse(rows=(*rows, *others), live=tuple(draw(live_networks(pool)))),
        allowed=draw(st.booleans()),
    )


@st.composite
def orderly_tests(draw: st.DrawFn) -> World:
    """Return a test of a VM that is mapped as it should be; only production may stand in its way.

    Among the situations of ``worlds`` such a test is rare, and the guard has most to do here.
    """
    names = draw(st.permutations([name for name in SOURCES if name.strip()]))[: draw(st.integers(1, 4))]
    wanted = draw(st.permutations(NETWORKS))
    rows = [
        MappingRow(
            id=number,
            context_id="ctx-1",
            source_network_name=name,
            destination_network_id=draw(spelled(wanted[number])),
            is_test_network=True,
            is_production_network=draw(st.integers(0, 9)) == 0,
        )
        for number, name in enumerate(names[: draw(st.integers(0, len(names)))])
    ]
    others = draw(mapping_rows(contexts=("ctx-1", "ctx-2", ""), most=4))
    return World(
        failover_type=FailoverType.TEST,
        custom={},
        nics=[SourceNic(index=index, network_name=name) for index, name in enumerate(names)],
        rows=rows,
        defaults=NetworkDefaults(network_id=draw(spelled(wanted[-1]))),
        policy=FailoverPolicy(),
        production=ProductionUse(rows=(*rows, *others), live=tuple(draw(live_networks()))),
        allowed=draw(st.integers(0, 4)) == 0,
    )
