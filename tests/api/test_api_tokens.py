"""Tokens: made once, stored hashed, and each lets do what its scopes say."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from temporalio.api.enums.v1 import EventType

from api.tokens import Scope, Token, TokenFileError, find_token, new_token, read_tokens
from tests.api.api_server import JOBS, START, serve_api
from tests.support.site import LIVE, TEST, Site

_STATUS = "/api/v1/failover/none/status"
_PRODUCTION = {"allow_production_network": True, "reason": "a drill on production"}
_UNKNOWN = {"context_id": "ctx-none"}


def test_a_token_is_found_by_its_secret_and_by_nothing_else() -> None:
    secret, token = new_token("backup", ["read", "test"])
    _, other = new_token("other", ["live"])
    assert find_token([other, token], secret) is token
    assert find_token([other], secret) is None
    assert find_token([token], secret + " ") is None
    assert find_token([token], token.sha256) is None
    assert find_token([token], "") is None


def test_two_tokens_of_one_name_differ_and_no_repr_shows_a_hash() -> None:
    (one, stored), (two, _) = new_token("a", ["read"]), new_token("a", ["read"])
    assert one != two
    assert len(one) > 40
    assert stored.sha256 not in repr(stored)
    assert one not in stored.line


def test_a_line_is_read_back(tmp_path: Path) -> None:
    made = [new_token(name, scopes)[1] for name, scopes in (("a", ["read"]), ("b.c@d-e_f", list(Scope)))]
    path = tmp_path / "tokens"
    path.write_text("# who\n\n" + "\n".join(token.line for token in made) + "\n")
    assert read_tokens(path) == tuple(made)


@pytest.mark.parametrize(
    ("name", "scopes"),
    (("", ["read"]), ("a:b", ["read"]), ("a" * 65, ["read"]), ("-a", ["read"]), ("a", []), ("a", ["root"])),
)
def test_a_name_or_a_scope_that_cannot_be_used_makes_no_token(name: str, scopes: list[str]) -> None:
    with pytest.raises(ValueError, match=r"name|scope"):
        new_token(name, scopes)


_LINE = new_token("a", ["read"])[1].line


@pytest.mark.parametrize(
    ("content", "problem"),
    (
        ("a:read", "line 1"),
        (f"\n{_LINE}:more", "line 2"),
        (_LINE.replace(":read:", ":root:"), "line 1"),
        (_LINE.replace(":read:", "::"), "line 1"),
        (_LINE[:-1], "line 1"),
        (f"{_LINE}\n{new_token('a', ['live'])[1].line}", "line 2: repeats a name"),
        (f"{_LINE}\nb{_LINE[1:]}", "line 2: repeats the secret"),
    ),
)
def test_a_wrong_line_is_named_by_its_number_only(content: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(content)
    with pytest.raises(TokenFileError) as caught:
        read_tokens(path)
    assert problem in str(caught.value)
    assert _LINE.split(":")[2][:20] not in str(caught.value)


def test_a_file_that_is_not_there_or_that_everybody_may_change_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    with pytest.raises(TokenFileError, match="cannot be read"):
        read_tokens(path)
    path.write_text(_LINE)
    path.chmod(0o666)
    with pytest.raises(TokenFileError, match="chmod"):
        read_tokens(path)


_READ, _TEST, _LIVE = Scope.READ, Scope.TEST, Scope.LIVE
_LET_IN = {200, 404}


@pytest.mark.parametrize(
    ("request_line", "body", "enough"),
    (
        (f"GET {JOBS}", None, [{_READ}]),
        (f"GET {_STATUS}", None, [{_READ}]),
        (f"POST {START}", TEST | _UNKNOWN, [{_TEST}]),
        (f"POST {START}", LIVE | _UNKNOWN, [{_LIVE}]),
        (f"POST {START}", TEST | _UNKNOWN | _PRODUCTION, [{_TEST, _LIVE}]),
    ),
    ids=("list", "status", "test", "live", "test on production"),
)
async def test_each_request_needs_its_scopes(
    site: Site, request_line: str, body: object, enough: list[set[Scope]]
) -> None:
    method, path = request_line.split()
    sets = [{_READ}, {_TEST}, {_LIVE}, {_READ, _TEST}, {_READ, _LIVE}, {_TEST, _LIVE}, set(Scope)]
    made = [new_token(f"t{number}", scopes) for number, scopes in enumerate(sets)]
    async with serve_api(site, tokens=[token for _, token in made]) as api:
        for (secret, _), scopes in zip(made, sets, strict=True):
            answer = await api.call(method, path, body, token=secret)
            if any(one <= scopes for one in enough):
                assert answer.status in _LET_IN, (scopes, answer.body)
            else:
                assert (answer.status, answer.error) == (403, "Forbidden"), scopes
                assert answer.body["data"]["scope"] in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("path", (JOBS, _STATUS, "/api/v1/nothing"))
async def test_without_a_known_token_there_is_a_401(site: Site, path: str) -> None:
    secret, token = new_token("a", Scope)
    async with serve_api(site, tokens=[token]) as api:
        for header in ("", "Bearer", f"Bearer {secret}x", f"Basic {secret}", secret, f"Bearer {secret} x"):
            answer = await api.call("GET", path, headers={"Authorization": header} if header else None)
            assert (answer.status, answer.error) == (401, "Unauthorized"), header
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert (await api.call("GET", path, token=secret)).status in _LET_IN
        assert (await api.call("GET", JOBS, headers={"Authorization": f"bearer {secret}"})).status == 200


@pytest.mark.parametrize("path", ("/healthz", "/readyz", "/openapi.json"))
async def test_probes_and_the_document_need_no_token(site: Site, path: str) -> None:
    async with serve_api(site, tokens=[new_token("a", Scope)[1]]) as api:
        assert (await api.call("GET", path)).status == 200


async def test_the_name_of_the_token_is_the_user_of_the_run(site: Site) -> None:
    secret, token = new_token("backup-robot", ["test"])
    unknown = TEST | _UNKNOWN
    async with serve_api(site, tokens=[token]) as api:
        for body in (unknown, unknown | {"user_id": "backup-robot"}):
            answer = await api.start(body, token=secret)
            assert answer.error == "UnknownContext"
            assert (await _input(site, answer.body["job_id"]))["user_id"] == "backup-robot"
        other = await api.start(unknown | {"user_id": "the-boss"}, token=secret)
        assert (other.status, other.error) == (403, "Forbidden")
        assert other.body["data"]["fields"] == ["user_id"]
        assert "the-boss" not in other.body["message"]


async def test_no_token_and_no_key_stands_in_the_log_or_in_an_answer(site: Site) -> None:
    secret, token = new_token("a", ["read"])
    with capture_logs() as lines:
        async with serve_api(site, tokens=[token]) as api:
            answers = [
                await api.call("GET", JOBS, token=secret),
                await api.call("GET", f"{JOBS}?vm_id=looked-for", token=secret),
                await api.call("GET", JOBS, token=secret + "guess"),
                await api.start(LIVE, key="a-secret-key", token=secret),
            ]
    said = str(lines) + str([(answer.body, dict(answer.headers)) for answer in answers])
    assert secret not in said
    assert token.sha256 not in said
    assert "a-secret-key" not in said
    access = [line for line in lines if line["event"] == "http_request"]
    assert [(line["status"], line["caller"]) for line in access] == [
        (200, "a"),
        (200, "a"),
        (401, ""),
        (403, "a"),
    ]
    assert "looked-for" not in str(access), "a query stands in no log"


async def test_a_header_that_is_no_http_stands_in_no_log(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    secret, token = new_token("a", ["read"])
    async with serve_api(site, tokens=[token]) as api:
        reader, writer = await asyncio.open_connection(*api.url.removeprefix("http://").split(":"))
        writer.write(f"GET {JOBS} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {secret}\0\r\n\r\n".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.0 400")
        writer.close()
        await writer.wait_closed()
    assert "BadHttpMessage" in caplog.text
    assert secret not in caplog.text


async def test_an_open_api_says_so_once(site: Site) -> None:
    with capture_logs() as lines:
        async with serve_api(site) as api:
            await api.jobs()
            await api.jobs()
    assert [line["log_level"] for line in lines if line["event"] == "api_open"] == ["warning"]


async def _input(site: Site, job_id: str) -> dict[str, Any]:
    history = await site.client.get_workflow_handle(job_id).fetch_history()
    first = history.events[0]
    assert first.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED
    payloads = first.workflow_execution_started_event_attributes.input.payloads
    (value,) = await site.client.data_converter.decode(payloads)
    return dict(value)


def test_a_token_has_no_scope_that_its_line_does_not_list() -> None:
    assert Token("a", frozenset({Scope.LIVE}), "0" * 64).line == f"a:live:{'0' * 64}"
