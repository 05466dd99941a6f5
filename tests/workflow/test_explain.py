"""Questions without a side effect."""

from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from embedded.seed import PGTEST1_CONTEXT, PGTEST3_CONTEXT
from rules.errors import FailoverErrorType
from rules.explanation import Explanation, MappingList
from rules.resolution import NetworkRule
from tests.support.site import Site


async def _ask(site: Site, workflow: str, request: object, result_type: type[Any]) -> Any:  # noqa: ANN401 - of that type
    return await site.client.execute_workflow(
        workflow,
        request,
        id=f"{site.task_queue}-{workflow}",
        task_queue=site.task_queue,
        result_type=result_type,
    )


async def test_explain_shows_live_and_test_side_by_side_and_changes_nothing(site: Site) -> None:
    found: Explanation = await _ask(site, "ExplainWorkflow", {"context_id": PGTEST3_CONTEXT}, Explanation)
    assert [one.destination_network_name for one in found.live.decisions] == ["prod-lan", ""]
    assert [one.destination_network_name for one in found.test.decisions] == ["test-lan", ""]
    assert [one.rule for one in found.test.decisions] == [NetworkRule.MAPPED, NetworkRule.DEFAULT]
    assert site.vms() == []
    assert await site.record(f"{site.task_queue}-ExplainWorkflow") is None


async def test_explain_shows_which_of_the_two_would_be_refused(site: Site) -> None:
    await site.sql("UPDATE network_mappings SET is_production_network = 1 WHERE is_test_network = 1")
    found: Explanation = await _ask(site, "ExplainWorkflow", {"context_id": PGTEST1_CONTEXT}, Explanation)
    assert not found.live.error_type
    assert found.test.error_type == FailoverErrorType.PRODUCTION_NETWORK_REFUSED
    assert found.test.decisions == ()


async def test_mappings_are_listed_by_id(site: Site) -> None:
    found: MappingList = await _ask(
        site, "ListMappingsWorkflow", {"context_id": PGTEST1_CONTEXT}, MappingList
    )
    assert [(row.source_network_name, row.is_test_network) for row in found.rows] == [
        ("VM Network", False),
        ("VM Network", True),
        ("DMZ Network", False),
        ("DMZ Network", True),
    ]


@pytest.mark.parametrize("workflow", ("ExplainWorkflow", "ListMappingsWorkflow"))
@pytest.mark.parametrize(
    ("request_json", "error_type"),
    (
        (None, FailoverErrorType.INVALID_REQUEST),
        ({"context_id": "ctx-none"}, FailoverErrorType.UNKNOWN_CONTEXT),
        ({"context_id": PGTEST1_CONTEXT, "surprise": 1}, FailoverErrorType.INVALID_REQUEST),
    ),
)
async def test_a_bad_question_is_a_typed_error(
    site: Site, workflow: str, request_json: object, error_type: FailoverErrorType
) -> None:
    with pytest.raises(WorkflowFailureError) as caught:
        await _ask(site, workflow, request_json, dict)
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.type == error_type
