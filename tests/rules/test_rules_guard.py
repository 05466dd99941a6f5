"""The guard above all rules, by example and by property."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import FailoverErrorType, FailoverRefused
from rules.guard import ProductionUse, guard_test_networks
from rules.mappings import LiveNetwork, MappingRow
from rules.request import FailoverType
from rules.resolution import NetworkDecision, NetworkRule
from tests.rules.worlds import (
    NETWORKS,
    World,
    live_networks,
    mapping_rows,
    network_ids,
    orderly_tests,
    same_network,
    worlds,
)

PRODUCTION = NETWORKS[0]
ISOLATED = NETWORKS[1]


def decision(index: int = 0, network: str = PRODUCTION, *, connected: bool = True) -> NetworkDecision:
    return NetworkDecision(
        nic_index=index,
        source_network_name=f"source-{index}",
        destination_network_id=network,
        rule=NetworkRule.MAPPED,
        connected=connected,
        warnings=("an earlier warning",),
    )


def row(
    row_id: int = 7, network: str = PRODUCTION, *, is_test: bool = False, is_production: bool = False
) -> MappingRow:
    return MappingRow(
        id=row_id,
        context_id="ctx-of-another-vm",
        source_network_name="whatever",
        destination_network_id=network,
        is_test_network=is_test,
        is_production_network=is_production,
    )


def live(network: str = PRODUCTION, vm_id: str = "vm-9") -> LiveNetwork:
    return LiveNetwork(network_id=network, workflow_id="wf-9", context_id="ctx-9", vm_id=vm_id)


@st.composite
def decisions(draw: st.DrawFn) -> list[NetworkDecision]:
    return [
        decision(index, draw(network_ids()), connected=draw(st.booleans()))
        for index in range(draw(st.integers(0, 4)))
    ]


@st.composite
def production_uses(draw: st.DrawFn) -> ProductionUse:
    rows = draw(mapping_rows(contexts=("ctx-1", "ctx-2", "")))
    return ProductionUse(rows=tuple(rows), live=tuple(draw(live_networks())))


def on_production(one: NetworkDecision, production: ProductionUse) -> bool:
    """Say it in the issue's words, apart from the guard's code."""
    named = [
        row.destination_network_id
        for row in production.rows
        if row.is_test_network is False or row.is_production_network is True
    ]
    used = [one.network_id for one in production.live]
    return one.connected and any(
        same_network(one.destination_network_id, network) for network in (*named, *used)
    )


def refusal_of(chosen: list[NetworkDecision], production: ProductionUse) -> FailoverRefused | None:
    """Return what the guard says of a test that has no leave; None when it passes untouched."""
    try:
        passed = guard_test_networks(FailoverType.TEST, chosen, production, allowed=False)
    except FailoverRefused as refusal:
        return refusal
    assert passed == tuple(chosen)
    return None


@given(st.one_of(worlds(FailoverType.TEST), orderly_tests()))
def test_no_nic_of_a_test_that_passed_the_guard_is_on_a_production_network_unless_allowed(
    world: World,
) -> None:
    try:
        decided = world.guarded()
    except FailoverRefused:
        return

    assert world.allowed or not [one for one in decided if on_production(one, world.production)]


@given(decisions(), production_uses())
def test_the_guard_refuses_exactly_what_touches_production_and_names_all_of_it(
    chosen: list[NetworkDecision], production: ProductionUse
) -> None:
    touching = [one for one in chosen if on_production(one, production)]
    refusal = refusal_of(chosen, production)

    if not touching:
        assert refusal is None
        return
    assert refusal is not None
    assert refusal.error_type is FailoverErrorType.PRODUCTION_NETWORK_REFUSED
    for one in chosen:
        named = f"NIC {one.nic_index} ('source-{one.nic_index}'): network {one.destination_network_id} is"
        assert (named in str(refusal)) is (one in touching)


@given(decisions(), production_uses())
def test_an_allowed_test_keeps_its_networks_and_warns_of_each_that_is_production(
    chosen: list[NetworkDecision], production: ProductionUse
) -> None:
    passed = guard_test_networks(FailoverType.TEST, chosen, production, allowed=True)

    assert [one.model_copy(update={"warnings": ()}) for one in passed] == [
        one.model_copy(update={"warnings": ()}) for one in chosen
    ]
    for before, after in zip(chosen, passed, strict=True):
        added = after.warnings[len(before.warnings) :]
        assert after.warnings[: len(before.warnings)] == before.warnings
        assert len(added) == int(on_production(before, production))
        assert all("is production" in warning for warning in added)


@given(decisions(), production_uses())
def test_looking_again_on_the_same_rows_says_nothing_twice(
    chosen: list[NetworkDecision], production: ProductionUse
) -> None:
    once = guard_test_networks(FailoverType.TEST, chosen, production, allowed=True)

    assert guard_test_networks(FailoverType.TEST, once, production, allowed=True) == once


@given(chosen=decisions(), production=production_uses(), allowed=st.booleans())
def test_a_live_failover_passes_the_guard_untouched(
    chosen: list[NetworkDecision], production: ProductionUse, *, allowed: bool
) -> None:
    assert guard_test_networks(FailoverType.LIVE, chosen, production, allowed=allowed) == tuple(chosen)


@pytest.mark.parametrize(
    "typed",
    (PRODUCTION.upper(), f"  {PRODUCTION}", f"{PRODUCTION}\n", f"\t{PRODUCTION.upper()}\u00a0"),
)
@pytest.mark.parametrize("where", ("row", "live", "decision"))
def test_letter_case_and_blanks_do_not_get_past_the_guard(typed: str, where: str) -> None:
    spelling = dict.fromkeys(("row", "live", "decision"), PRODUCTION) | {where: typed}
    production = ProductionUse(
        rows=(row(network=spelling["row"]),) if where != "live" else (),
        live=(live(spelling["live"]),) if where == "live" else (),
    )

    assert refusal_of([decision(network=spelling["decision"])], production) is not None


@pytest.mark.parametrize(
    ("is_test", "is_production", "refused"),
    (
        (False, False, True),
        (False, True, True),
        (True, True, True),
        (True, False, False),
    ),
)
def test_a_row_is_production_unless_it_is_a_test_row_that_is_not_marked_as_production(
    *, is_test: bool, is_production: bool, refused: bool
) -> None:
    production = ProductionUse(rows=(row(is_test=is_test, is_production=is_production),))

    assert (refusal_of([decision()], production) is not None) is refused


def test_the_refusal_reads_as_one_sentence_per_nic_with_its_network_and_its_rows() -> None:
    production = ProductionUse(
        rows=(row(7), row(9, is_test=True, is_production=True), row(11, is_test=True)),
        live=(live(), live(ISOLATED, vm_id="")),
    )

    refusal = refusal_of([decision(0), decision(1, NETWORKS[2]), decision(2, ISOLATED)], production)

    assert str(refusal) == (
        "A test failover must not touch production. "
        f"NIC 0 ('source-0'): network {PRODUCTION} is production "
        "(production mapping rows 7, 9 and VM vm-9 failed over live by wf-9); "
        f"NIC 2 ('source-2'): network {ISOLATED} is production (VM ctx-9 failed over live by wf-9)"
    )


def test_a_nic_that_is_not_made_cannot_touch_production() -> None:
    assert refusal_of([decision(connected=False)], ProductionUse(rows=(row(),))) is None


def test_a_row_that_names_no_network_makes_nothing_production() -> None:
    production = ProductionUse(rows=(row(network="  "),))

    assert not production.of(PRODUCTION)
    assert str(production.of(PRODUCTION)) == ""


@pytest.mark.parametrize("rule", NetworkRule)
def test_the_guard_stands_above_every_rule(rule: NetworkRule) -> None:
    chosen = decision().model_copy(update={"rule": rule})

    assert refusal_of([chosen], ProductionUse(rows=(row(),))) is not None
