"""A site that moves no disks refuses, at the first step, a request that needs them."""

import pytest

from rules.errors import FailoverErrorType
from tests.support.site import LIVE, TEST, Site


@pytest.mark.parametrize(
    ("request_", "field"),
    (
        (LIVE | {"source_lost": True, "reason": "a secret reason"}, "source_lost"),
        (TEST | {"test_duration": "2h"}, "test_duration"),
    ),
)
async def test_what_needs_disks_is_refused_by_field(
    site: Site, request_: dict[str, object], field: str
) -> None:
    ended = await site.run_failing(request_)

    assert ended.type == FailoverErrorType.INVALID_REQUEST
    assert field in ended.message
    assert "secret" not in ended.message
    assert site.vms() == []
