"""The rate: a bucket for each caller."""

import pytest

from api import limits
from api.limits import RateLimit
from api.tokens import Scope, new_token
from tests.api.api_server import JOBS, serve_api
from tests.support.site import Site


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_let_through_and_then_one_by_one() -> None:
    clock = _Clock()
    limit = RateLimit(per_minute=60, burst=3, clock=clock)
    assert [limit.wait("a") for _ in range(3)] == [0, 0, 0]
    assert limit.wait("a") == pytest.approx(1)
    clock.now += 0.5
    assert limit.wait("a") == pytest.approx(0.5)
    clock.now += 0.5
    assert limit.wait("a") == 0
    assert limit.wait("a") > 0


def test_one_caller_does_not_slow_another() -> None:
    limit = RateLimit(per_minute=1, burst=1, clock=_Clock())
    assert limit.wait("a") == 0
    assert limit.wait("a") > 0
    assert limit.wait("b") == 0


def test_no_more_is_saved_up_than_a_burst() -> None:
    clock = _Clock()
    limit = RateLimit(per_minute=60, burst=2, clock=clock)
    limit.wait("a")
    clock.now += 3600
    assert [limit.wait("a") for _ in range(2)] == [0, 0]
    assert limit.wait("a") > 0


def test_callers_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_MOST_CALLERS", 2)
    limit = RateLimit(per_minute=1, burst=1, clock=_Clock())
    for caller in "abc":
        assert limit.wait(caller) == 0
    assert limit.wait("c") > 0
    assert limit.wait("a") == 0, "the one that was away for longest was forgotten"


async def test_too_many_requests_are_a_429_that_says_when_to_go_on(site: Site) -> None:
    settings = {"FAILOVER_API_RATE_PER_MINUTE": 1, "FAILOVER_API_BURST": 2}
    (one, stored_one), (two, stored_two) = (new_token(name, Scope) for name in ("one", "two"))
    async with serve_api(site, tokens=[stored_one, stored_two], settings=settings) as api:
        assert [(await api.call("GET", JOBS, token=one)).status for _ in range(2)] == [200, 200]
        answer = await api.call("GET", JOBS, token=one)
        assert (answer.status, answer.error) == (429, "TooManyRequests")
        assert 0 < int(answer.headers["Retry-After"]) <= 60
        assert (await api.call("GET", JOBS, token=two)).status == 200
        guesses = [(await api.call("GET", JOBS, token=f"guess-{number}")).status for number in range(4)]
        assert guesses == [401, 401, 429, 429], "guesses count for the address that they come from"
        assert (await api.call("GET", "/openapi.json")).status == 429
        assert (await api.call("GET", "/healthz")).status == 200
