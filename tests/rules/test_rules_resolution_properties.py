"""Properties of the resolution that hold in every situation, whatever the rows say."""

from collections.abc import Callable
from itertools import combinations
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from rules.errors import FailoverErrorType, FailoverRefused
from rules.guard import ProductionUse
from rules.policy import MacPolicy, TestFallback
from rules.request import FailoverType
from rules.resolution import NetworkDecision, NetworkDefaults, NetworkRule
from tests.rules.worlds import NETWORKS, World, orderly_tests, same_network, spelled, worlds

ANY_WORLD = st.one_of(worlds(), orderly_tests())
REFUSALS = {
    FailoverErrorType.UNKNOWN_SOURCE_NETWORK,
    FailoverErrorType.AMBIGUOUS_MAPPING,
    FailoverErrorType.DUPLICATE_NETWORK,
    FailoverErrorType.NO_FALLBACK_NETWORK,
    FailoverErrorType.FALLBACK_REFUSED,
    FailoverErrorType.PRODUCTION_NETWORK_REFUSED,
}


def outcome(world: World) -> tuple[NetworkDecision, ...] | FailoverErrorType:
    try:
        return world.guarded()
    except FailoverRefused as refusal:
        return refusal.error_type


def decided(world: World) -> tuple[NetworkDecision, ...]:
    """Return the decisions without the guard; none when the rules refuse."""
    try:
        return world.resolve()
    except FailoverRefused:
        return ()


def _is_refused_as(error_type: FailoverErrorType) -> Callable[[World], bool]:
    return lambda world: outcome(world) is error_type


def _has_a_nic_by(rule: NetworkRule) -> Callable[[World], bool]:
    return lambda world: rule in {one.rule for one in decided(world)}


def _has_an_unconnected_nic(world: World) -> bool:
    return any(not one.connected for one in decided(world))


def _is_a_test_that_passed_beside_production(world: World) -> bool:
    passed = outcome(world)
    return (
        world.failover_type is FailoverType.TEST
        and not world.allowed
        and isinstance(passed, tuple)
        and len([one for one in passed if one.connected]) > 1
        and any(row.is_production for row in world.production.rows)
        and bool(world.production.live)
    )


@pytest.mark.parametrize(
    "wanted",
    (
        *(pytest.param(_is_refused_as(one), id=one.value) for one in sorted(REFUSALS)),
        *(pytest.param(_has_a_nic_by(one), id=one.value) for one in NetworkRule),
        pytest.param(_has_an_unconnected_nic, id="a NIC that is not connected"),
        pytest.param(_is_a_test_that_passed_beside_production, id="a test that passed beside production"),
    ),
)
def test_the_situations_drawn_here_have_every_outcome_so_that_no_property_is_empty(
    wanted: Callable[[World], bool],
) -> None:
    found = find(
        ANY_WORLD,
        wanted,
        random=Random(2025),  # noqa: S311 - the same situations every time, no secret
        settings=settings(
            max_examples=5_000,
            phases=(Phase.generate,),
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

    assert wanted(found)


@given(ANY_WORLD)
def test_a_situation_has_decisions_or_a_typed_refusal_and_nothing_else(world: World) -> None:
    found = outcome(world)

    assert isinstance(found, tuple) or found in REFUSALS


@given(ANY_WORLD)
def test_each_nic_has_one_decision_in_nic_order(world: World) -> None:
    for one, nic in zip(decided(world), world.nics, strict=bool(decided(world))):
        assert one.nic_index == nic.index
        assert one.nic_label == nic.label
        assert one.source_network_name == nic.network_name
        assert one.source_mac_address == nic.mac_address


@given(ANY_WORLD)
def test_a_mapped_nic_follows_a_row_of_the_failovers_own_kind_on_the_exact_name(world: World) -> None:
    rows = {row.id: row for row in world.rows}
    for one in decided(world):
        assert (one.mapping_id is not None) is (one.rule is NetworkRule.MAPPED)
        if one.mapping_id is not None:
            row = rows[one.mapping_id]
            assert row.is_test_network is (world.failover_type is FailoverType.TEST)
            assert row.source_network_name == one.source_network_name
            assert one.destination_network_id == row.destination_network_id.strip()
            assert one.destination_network_name == row.destination_network_name


@given(ANY_WORLD)
def test_a_nic_falls_back_only_where_no_row_of_its_kind_names_a_destination(world: World) -> None:
    for one in decided(world):
        if one.rule.is_fallback:
            candidates = [row for row in world.own_rows if row.source_network_name == one.source_network_name]
            # A blank source name matches nothing; a legacy row counts where the context has none of its own.
            own = [row for row in candidates if row.context_id] or candidates
            assert not one.source_network_name.strip() or not any(
                row.destination_network_id.strip() for row in own
            )
            assert one.source_network_name not in world.custom


@given(ANY_WORLD)
def test_every_fallback_carries_a_warning_that_names_the_rule(world: World) -> None:
    for one in decided(world):
        if one.rule.is_fallback:
            assert any(
                f"no {world.failover_type.value} mapping" in warning and one.rule.value in warning
                for warning in one.warnings
            )


@given(ANY_WORLD)
def test_fallbacks_are_the_sites_and_a_live_never_uses_the_test_network(world: World) -> None:
    for one in decided(world):
        if one.rule is NetworkRule.DEFAULT:
            assert same_network(one.destination_network_id, world.defaults.network_id)
        if one.rule is NetworkRule.DEFAULT_TEST:
            assert same_network(one.destination_network_id, world.defaults.test_network_id)
            assert world.failover_type is FailoverType.TEST
        if world.failover_type is FailoverType.TEST and one.rule is NetworkRule.DEFAULT:
            assert not world.defaults.test_network_id.strip()
            assert world.policy.test_fallback is TestFallback.DEFAULT


@given(ANY_WORLD)
def test_every_decision_names_a_network_without_blanks_around_it(world: World) -> None:
    for one in decided(world):
        assert one.destination_network_id
        assert one.destination_network_id == one.destination_network_id.strip()


@given(ANY_WORLD)
def test_no_network_is_taken_twice_and_only_a_fallback_gives_way(world: World) -> None:
    found = decided(world)
    connected = [one for one in found if one.connected]
    for one, other in combinations(connected, 2):
        assert not same_network(one.destination_network_id, other.destination_network_id)
    for one in found:
        if not one.connected:
            assert one.rule.is_fallback
            (holder,) = (
                other
                for other in connected
                if same_network(other.destination_network_id, one.destination_network_id)
            )
            assert f"NIC {holder.nic_index}" in one.warnings[-1]
            assert "not connected" in one.warnings[-1]
    assert bool(connected) is bool(found)


@given(ANY_WORLD)
def test_a_nic_that_a_rule_names_wins_over_every_fallback_on_the_same_network(world: World) -> None:
    found = decided(world)
    for one in found:
        if not one.rule.is_fallback:
            assert one.connected


@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_in_which_the_database_gives_the_rows_changes_nothing(world: World, random: Random) -> None:
    shuffled = sorted(world.rows, key=lambda _: random.random())

    assert outcome(world.but(rows=shuffled)) == outcome(world)


@given(ANY_WORLD)
def test_rows_of_the_other_kind_change_nothing(world: World) -> None:
    assert decided(world.but(rows=world.own_rows)) == decided(world)


@given(ANY_WORLD)
def test_a_live_failover_ignores_every_setting_of_tests(world: World) -> None:
    live = world.but(failover_type=FailoverType.LIVE)
    without = live.but(
        defaults=NetworkDefaults(network_id=live.defaults.network_id),
        policy=live.policy.model_copy(
            update={"test_mac": MacPolicy.NEW, "test_fallback": TestFallback.REFUSE}
        ),
        production=ProductionUse(),
    )

    assert outcome(without) == outcome(live)


@given(worlds(), st.data())
def test_how_ids_are_spelled_decides_nothing(world: World, data: st.DataObject) -> None:
    def respelled(network: str) -> str:
        return data.draw(spelled(network.strip().lower())) if network.strip() else network

    other = world.but(
        rows=[
            row.model_copy(update={"destination_network_id": respelled(row.destination_network_id)})
            for row in world.rows
        ],
        defaults=NetworkDefaults(
            network_id=respelled(world.defaults.network_id),
            test_network_id=respelled(world.defaults.test_network_id),
        ),
    )
    before, after = outcome(world), outcome(other)

    if isinstance(before, tuple):
        assert isinstance(after, tuple)
        assert [(one.rule, one.mapping_id, one.connected) for one in after] == [
            (one.rule, one.mapping_id, one.connected) for one in before
        ]
        for one, same in zip(before, after, strict=True):
            assert same_network(one.destination_network_id, same.destination_network_id)
    else:
        assert after is before


@given(ANY_WORLD)
def test_a_kept_mac_address_is_the_source_nics_in_the_form_of_cloudstack(world: World) -> None:
    is_live = world.failover_type is FailoverType.LIVE
    wanted = world.policy.live_mac if is_live else world.policy.test_mac
    for one, nic in zip(decided(world), world.nics, strict=bool(decided(world))):
        if one.mac_address:
            assert wanted is MacPolicy.KEEP
            assert one.mac_address == nic.mac_address.lower().replace("-", ":")
            assert is_live or not one.rule.is_fallback


@given(worlds(pool=NETWORKS[:2]))
def test_a_decision_survives_history(world: World) -> None:
    for one in decided(world):
        assert NetworkDecision.model_validate_json(one.model_dump_json()) == one


@given(ANY_WORLD)
def test_resolving_twice_gives_the_same(world: World) -> None:
    assert outcome(world) == outcome(world)
