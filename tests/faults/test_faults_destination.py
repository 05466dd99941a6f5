"""The plan is checked in CloudStack before anything is created, and what it said of the networks is stored.

On both generations of the existing schema: each has its own words for ``validation_status``.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from sqlalchemy import text

from database import SchemaGeneration
from database.engine import make_engine
from rules.errors import FailoverErrorType as ErrorType
from simulators.cloudstack import sample
from simulators.cloudstack.entities import NetworkType
from simulators.vma import sample as vcenter
from tests.faults.conftest import Endings
from tests.faults.stories import Ended, Stage, Story
from tests.support.site import LIVE, TEST, Site

_Plot = Callable[[Stage], Awaitable[None]]
_NOBODY = "00000000-0000-4000-8000-000000000000"
_GOOD, _BAD, _UNKNOWN, _UNTOUCHED = "good", "bad", "unknown", "untouched"
_WORDS = {
    SchemaGeneration.JOB_SHEET: {
        _GOOD: "validated",
        _BAD: "failed",
        _UNKNOWN: "unknown",
        _UNTOUCHED: "pending",
    },
    SchemaGeneration.APPLIANCE: {_GOOD: "valid", _BAD: "invalid", _UNKNOWN: "pending", _UNTOUCHED: "pending"},
}


@dataclass(frozen=True)
class _Plan:
    """What is wrong, and what the two mapped networks are marked as.

    Attributes:
        says: Parts of the message: all problems are said at once.
        first: The status of the row of the first NIC; the other is that of the second.
    """

    title: str
    change: _Plot
    says: tuple[str, ...]
    first: str = _GOOD
    second: str = _GOOD
    kind: str = "live"
    settings: dict[str, str] = field(default_factory=dict)


_FOR_PLAIN = {"FAILOVER_OWNER_ACCOUNT": sample.PLAIN_ACCOUNT, "FAILOVER_OWNER_DOMAIN_ID": sample.DOMAIN_ID}


async def _nothing(_stage: Stage) -> None:
    """The sample's L2 networks belong to the admin."""


async def _missing(stage: Stage) -> None:
    stage.site.cloud.world.networks[sample.PROD_DMZ_ID].removed = True


async def _never_was(stage: Stage) -> None:
    await stage.site.sql(
        f"UPDATE network_mappings SET destination_network_id = '{_NOBODY}'"
        f" WHERE destination_network_id = '{sample.PROD_LAN_ID}'"
    )


async def _both_missing(stage: Stage) -> None:
    for one in (sample.PROD_LAN_ID, sample.PROD_DMZ_ID):
        stage.site.cloud.world.networks[one].removed = True


async def _other_zone(stage: Stage) -> None:
    world = stage.site.cloud.world
    world.networks[sample.PROD_DMZ_ID].zone = world.add_zone("another-zone")


async def _full(stage: Stage) -> None:
    network = stage.site.cloud.world.networks[sample.PROD_LAN_ID]
    network.start_ip = network.end_ip = "10.10.0.10"
    stage.add_stranger("other", network.id)


async def _test_network_missing(stage: Stage) -> None:
    stage.site.cloud.world.networks[sample.TEST_LAN_ID].removed = True


async def _no_template(stage: Stage) -> None:
    await stage.site.sql(f"UPDATE ossea_configs SET template_id = '{_NOBODY}'")


async def _password_template_on_l2(stage: Stage) -> None:
    world = stage.site.cloud.world
    l2 = world.add_network("another-l2", NetworkType.L2)
    await stage.site.sql(
        f"UPDATE ossea_configs SET template_id = '{sample.PASSWORD_TEMPLATE_ID}'",
        f"UPDATE network_mappings SET destination_network_id = '{l2.id}'"
        f" WHERE destination_network_id = '{sample.PROD_LAN_ID}'",
    )


async def _no_offering(stage: Stage) -> None:
    await stage.site.sql(f"UPDATE ossea_configs SET service_offering_id = '{_NOBODY}'")


async def _too_large_for_the_offering(stage: Stage) -> None:
    stage.site.vma.vm(vcenter.PGTEST1_ID).num_cpu = 5
    await _use_offering(stage, sample.CONSTRAINED_OFFERING_ID)


async def _size_unknown(stage: Stage) -> None:
    stage.site.vma.vm(vcenter.PGTEST1_ID).memory_mb = 0
    await stage.site.sql("UPDATE vm_replication_contexts SET memory_mb = NULL")


async def _no_zone(stage: Stage) -> None:
    await stage.site.sql("UPDATE ossea_configs SET zone = 'nowhere'")


async def _zone_disabled(stage: Stage) -> None:
    stage.site.cloud.world.zone.enabled = False


async def _use_offering(stage: Stage, offering_id: str) -> None:
    await stage.site.sql(f"UPDATE ossea_configs SET service_offering_id = '{offering_id}'")


PLANS = (
    _Plan("network that is deleted", _missing, ("NIC 1 ('DMZ Network')",), second=_BAD),
    _Plan("network that never was", _never_was, (f"network {_NOBODY} does not exist",), first=_BAD),
    _Plan(
        "both networks are missing",
        _both_missing,
        (sample.PROD_LAN_ID, sample.PROD_DMZ_ID),
        first=_BAD,
        second=_BAD,
    ),
    _Plan("network of another zone", _other_zone, ("is not in zone",), second=_BAD),
    _Plan("network without a free address", _full, ("takes no more VMs",), first=_BAD),
    _Plan("test network that is deleted", _test_network_missing, ("NIC 0",), first=_BAD, kind="test"),
    _Plan(
        "network that the owner may not use",
        _nothing,
        ("NIC 1", "its owner may not see it"),
        second=_BAD,
        settings=_FOR_PLAIN,
    ),
    _Plan("template that never was", _no_template, (f"template {_NOBODY}",)),
    _Plan("template with passwords, first network without UserData", _password_template_on_l2, ("UserData",)),
    _Plan("offering that never was", _no_offering, (f"offering {_NOBODY}",)),
    _Plan("offering too small for the VM", _too_large_for_the_offering, ("takes 1 to 4 CPUs",)),
    _Plan("custom offering, size of the VM unknown", _size_unknown, ("memory is unknown",)),
    _Plan("zone that is disabled", _zone_disabled, (f"zone {sample.ZONE_NAME} is disabled",)),
    _Plan("zone that never was", _no_zone, ("zone 'nowhere'",), first=_UNKNOWN, second=_UNKNOWN),
)


def _told(plan: _Plan, generation: SchemaGeneration) -> Story:
    async def plot(stage: Stage) -> Ended:
        await plan.change(stage)
        ended = await stage.run()
        assert await _statuses(stage.site, plan.kind) == {
            "VM Network": _WORDS[generation][plan.first],
            "DMZ Network": _WORDS[generation][plan.second],
        }
        other_kind = await _statuses(stage.site, "test" if plan.kind == "live" else "live")
        assert set(other_kind.values()) == {_WORDS[generation][_UNTOUCHED]}
        return ended

    return Story(
        f"{plan.title} ({generation})",
        ends=ErrorType.DESTINATION_CHECK_FAILED.value,
        vms=(),
        request=dict(LIVE if plan.kind == "live" else TEST),
        settings=plan.settings,
        generation=generation,
        plot=plot,
    )


async def _statuses(site: Site, kind: str) -> dict[str, str]:
    engine = make_engine(site.url, pool_size=1)
    try:
        async with engine.connect() as connection:
            rows = await connection.execute(
                text(
                    "SELECT source_network_name, validation_status FROM network_mappings"
                    " WHERE vm_context_id LIKE 'ctx-pgtest1-%' AND is_test_network = :is_test"
                ),
                {"is_test": kind == "test"},
            )
            return {str(name): str(status) for name, status in rows}
    finally:
        await engine.dispose()


PROBLEMS = [(_told(plan, generation), plan.says) for plan in PLANS for generation in SchemaGeneration]


def _sized(title: str, offering_id: str, size: str) -> Story:
    async def plot(stage: Stage) -> Ended:
        await _use_offering(stage, offering_id)
        ended = await stage.run()
        (vm,) = stage.site.vms()
        assert f"{vm.cpu_number} x {vm.cpu_speed} MHz, {vm.memory} MiB" == size
        return ended

    return Story(title, plot=plot)


SIZES = (
    _sized("custom: the source VM's", sample.CUSTOM_OFFERING_ID, "2 x 1000 MHz, 4096 MiB"),
    _sized("custom within bounds, speed fixed", sample.CONSTRAINED_OFFERING_ID, "2 x 1000 MHz, 4096 MiB"),
    _sized("fixed: the offering's", sample.SMALL_OFFERING_ID, "1 x 500 MHz, 512 MiB"),
)


async def _valid(stage: Stage) -> Ended:
    ended = await stage.run()
    assert await _statuses(stage.site, "live") == dict.fromkeys(
        ("VM Network", "DMZ Network"), _WORDS[stage.story.generation or SchemaGeneration.JOB_SHEET][_GOOD]
    )
    return ended


async def _for_another_account(stage: Stage) -> Ended:
    world = stage.site.cloud.world
    world.networks[sample.PROD_DMZ_ID].account = world.plain
    ended = await stage.run()
    assert [vm.account for vm in stage.site.vms()] == [world.plain]
    return ended


OWNED = Story("an account of the settings", settings=dict(_FOR_PLAIN), plot=_for_another_account)

VALID = [Story(f"{one}", generation=one, plot=_valid) for one in SchemaGeneration]


@pytest.mark.parametrize(("story", "says"), PROBLEMS, ids=[str(story) for story, _ in PROBLEMS])
async def test_refused_before_anything_is_created(
    story: Story, says: tuple[str, ...], endings: Endings
) -> None:
    ended = endings.of(story)
    assert (ended.type, ended.states, ended.count("deployVirtualMachine")) == (story.ends, (), 0)
    assert all(part in ended.message for part in says)


@pytest.mark.parametrize("story", VALID, ids=str)
async def test_good_networks_are_marked_as_such(story: Story, endings: Endings) -> None:
    ended = endings.of(story)
    assert (ended.type, ended.states) == (story.ends, story.vms)


@pytest.mark.parametrize("story", SIZES, ids=str)
async def test_the_size_of_an_offering_that_is(story: Story, endings: Endings) -> None:
    ended = endings.of(story)
    assert (ended.type, ended.states) == (story.ends, story.vms)
    assert ended.result is not None
    assert any("is smaller than the source VM" in one for one in ended.result.warnings) is (
        "fixed: " in story.title
    )


@pytest.mark.parametrize("story", (OWNED,), ids=str)
async def test_the_owner_is(story: Story, endings: Endings) -> None:
    ended = endings.of(story)
    assert (ended.type, ended.states) == (story.ends, story.vms)


async def test_a_deleted_network_is_marked_on_every_database(
    field_site: Site, generation: SchemaGeneration
) -> None:
    field_site.cloud.world.networks[sample.PROD_DMZ_ID].removed = True
    failed = await field_site.run_failing(LIVE)
    assert failed.type == ErrorType.DESTINATION_CHECK_FAILED
    words = _WORDS[generation]
    assert await _statuses(field_site, "live") == {"VM Network": words[_GOOD], "DMZ Network": words[_BAD]}
