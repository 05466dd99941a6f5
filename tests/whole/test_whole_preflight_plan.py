"""The preflight of a plan: each thing that is wrong has its check, and all else is judged beside it."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import pytest

from rules.errors import FailoverErrorType as ErrorType
from rules.outcomes import PreflightReport
from rules.preflight import Check, CheckStatus
from rules.temporal_names import PREFLIGHT_WORKFLOW
from simulators.cloudstack import sample
from tests.support.whole import WHOLE_LIVE, WholeSite
from tests.whole.picture import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")

_NOBODY = "00000000-0000-4000-8000-000000000000"
_UNKNOWN_NETWORK = {**WHOLE_LIVE, "network_mappings": {"No Such Network": sample.PROD_LAN_ID}}


@dataclass(frozen=True)
class _Plan:
    """What is wrong, and what is said of it.

    Attributes:
        fails: The checks that fail, and no others.
        warns: Checks that nobody could make because of it.
    """

    title: str
    change: Callable[[WholeSite], Awaitable[None]]
    error: ErrorType
    fails: frozenset[str]
    warns: frozenset[str] = frozenset()
    request: Mapping[str, object] = field(default_factory=lambda: dict(WHOLE_LIVE))


async def _nothing(_whole: WholeSite) -> None:
    """The request is what is wrong."""


async def _no_template_and_a_vm_snapshot(whole: WholeSite) -> None:
    await whole.site.sql(f"UPDATE ossea_configs SET template_id = '{_NOBODY}'")
    whole.site.cloud.world.add_vm_snapshot("before the update", whole.replicas.appliance)


async def _no_offering(whole: WholeSite) -> None:
    await whole.site.sql(f"UPDATE ossea_configs SET service_offering_id = '{_NOBODY}'")


async def _no_zone(whole: WholeSite) -> None:
    await whole.site.sql("UPDATE ossea_configs SET zone = 'nowhere'")


async def _no_network(whole: WholeSite) -> None:
    whole.site.cloud.world.networks[sample.PROD_DMZ_ID].removed = True


async def _name_taken(whole: WholeSite) -> None:
    world = whole.site.cloud.world
    world.add_vm("pgtest1", [world.networks[sample.PROD_LAN_ID]])


async def _of_another(whole: WholeSite) -> None:
    whole.replicas.volumes[1].account = whole.site.cloud.world.plain


async def _attached_to_nothing(whole: WholeSite) -> None:
    whole.replicas.volumes[1].detach()


PLANS = (
    _Plan(
        "template and a snapshot of the appliance",
        _no_template_and_a_vm_snapshot,
        ErrorType.DESTINATION_CHECK_FAILED,
        frozenset({"template", "vm_snapshots"}),
    ),
    _Plan(
        "offering",
        _no_offering,
        ErrorType.DESTINATION_CHECK_FAILED,
        frozenset({"offering"}),
        frozenset({"offering_size"}),
    ),
    _Plan(
        "zone",
        _no_zone,
        ErrorType.DESTINATION_CHECK_FAILED,
        frozenset({"destination"}),
        frozenset({"networks", "template", "offering", "name", "offering_size", "disk_owner"}),
    ),
    _Plan("network", _no_network, ErrorType.DESTINATION_CHECK_FAILED, frozenset({"networks"})),
    _Plan("name", _name_taken, ErrorType.VM_NAME_TAKEN, frozenset({"name"})),
    _Plan("owner", _of_another, ErrorType.PREFLIGHT_FAILED, frozenset({"disk_owner"})),
    _Plan("place", _attached_to_nothing, ErrorType.PREFLIGHT_FAILED, frozenset({"disk_places"})),
    _Plan(
        "mappings",
        _nothing,
        ErrorType.UNKNOWN_SOURCE_NETWORK,
        frozenset({"mappings"}),
        frozenset({"networks", "name"}),
        _UNKNOWN_NETWORK,
    ),
)


def _of(checks: tuple[Check, ...], status: CheckStatus) -> set[str]:
    return {check.name for check in checks if check.status is status}


@pytest.mark.parametrize("plan", PLANS, ids=[plan.title for plan in PLANS])
async def test_what_is_wrong_has_its_check_and_a_run_ends_with_the_same(
    whole_site: WholeSite, plan: _Plan
) -> None:
    whole = whole_site
    await plan.change(whole)
    before = await picture(whole)

    report: PreflightReport = await whole.client.execute_workflow(
        PREFLIGHT_WORKFLOW,
        plan.request,
        id=f"preflight-{uuid.uuid4()}",
        task_queue=whole.site.task_queue,
        result_type=PreflightReport,
    )
    end = await whole.site.run_failing(plan.request)

    assert (report.ready, report.error_type, end.type) == (False, plan.error, plan.error)
    assert _of(report.checks, CheckStatus.FAILURE) == plan.fails
    assert plan.warns <= _of(report.checks, CheckStatus.WARNING)
    assert {"vm_snapshots", "quota", "firmware", "disks_present"} <= {check.name for check in report.checks}
    assert end.report is not None
    assert _of(end.report.checks, CheckStatus.FAILURE) == plan.fails
    assert await picture(whole) == before
    assert all(f"{name}: " in report.message for name in plan.fails)
