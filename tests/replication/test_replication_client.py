"""The client of the replication API: what proves something, what proves nothing, and what is never shown."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from replication import (
    JobRunning,
    JobStatus,
    ReplicationClient,
    ReplicationError,
    ReplicationNotPermitted,
    ReplicationRefused,
    ReplicationUnavailable,
    StartSync,
)
from replication.texts import safe_text
from simulators.replication import MemoryRecords, Protected, ReplicationSimulator
from simulators.vma import sample
from tests.replication.conftest import TOKEN
from tests.vma.odd_agent import OddAgent, Reply
from tests.vma.questions import everything_said

VM = Protected("ctx-pgtest1", sample.PGTEST1_ID, "pgtest1", sample.VCENTER_HOST)
SYNC = StartSync(
    source_vm={"id": sample.PGTEST1_ID, "name": "pgtest1", "annotation": "of the owner"},
    ossea_config_id=3,
    vcenter_host=sample.VCENTER_HOST,
    datacenter=sample.DATACENTER,
)


@pytest.fixture
async def system() -> AsyncIterator[ReplicationSimulator]:
    made = ReplicationSimulator(MemoryRecords([VM]), token=TOKEN)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def client(system: ReplicationSimulator, session: ClientSession) -> ReplicationClient:
    return ReplicationClient(f"{system.url}/", session, token=TOKEN, timeout_seconds=5)


async def failure_of(client: ReplicationClient, *, of_start: bool = True) -> ReplicationError:
    """Return the error of a start or a question, after a look that it shows no token and drags nothing."""
    with pytest.raises(ReplicationError) as caught:
        await (client.start(SYNC) if of_start else client.status("job-1"))
    assert TOKEN not in everything_said(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value


def answer(body: object, status: int = 200) -> Reply:
    return Reply(json.dumps(body).encode(), status)


# Against the simulated system


async def test_a_sync_is_started_followed_and_ends(
    client: ReplicationClient, system: ReplicationSimulator
) -> None:
    started = await client.start(SYNC)

    assert (started.status, started.progress_percent) == ("pending", 0)
    assert started.started_at is not None
    seen = [await client.status(started.job_id) for _ in range(system.steps)]
    assert [job.status for job in seen if job is not None] == ["replicating", "replicating", "completed"]
    last = seen[-1]
    assert last is not None
    assert (last.progress_percent, last.bytes_transferred) == (100, last.total_bytes)
    assert last.vma_progress.current_phase == "completed"
    assert last.completed_at is not None
    assert last.problem == ""


async def test_what_is_asked_is_what_that_system_wants(
    client: ReplicationClient, system: ReplicationSimulator
) -> None:
    await client.start(SYNC)

    (call,) = system.calls
    assert call.body == {
        "source_vm": dict(SYNC.source_vm),
        "ossea_config_id": 3,
        "replication_type": "incremental",
        "vcenter_host": sample.VCENTER_HOST,
        "datacenter": sample.DATACENTER,
        "start_replication": True,
    }


def test_change_ids_go_along_where_they_are_known() -> None:
    sync = StartSync({}, 1, "v", "d", change_id="52 a/7", previous_change_id="52 a/6")

    assert (sync.body()["change_id"], sync.body()["previous_change_id"]) == ("52 a/7", "52 a/6")


async def test_a_second_start_beside_a_job_is_told_from_a_refusal(client: ReplicationClient) -> None:
    await client.start(SYNC)

    assert type(await failure_of(client)) is JobRunning


async def test_an_unknown_job_is_none(client: ReplicationClient, system: ReplicationSimulator) -> None:
    assert await client.status("job-of-nobody") is None
    assert await client.status("../../health") is None
    assert [call.job for call in system.calls] == ["job-of-nobody", "../../health"]


@pytest.mark.parametrize("job_id", ("", ".", ".."))
async def test_an_id_that_is_none_asks_nobody(
    client: ReplicationClient, system: ReplicationSimulator, job_id: str
) -> None:
    assert await client.status(job_id) is None
    assert system.calls == []


@pytest.mark.parametrize("token", (None, "another"))
async def test_a_token_that_is_not_accepted(
    system: ReplicationSimulator, session: ClientSession, token: str | None
) -> None:
    error = await failure_of(ReplicationClient(system.url, session, token=token))

    assert type(error) is ReplicationNotPermitted
    assert str(error) == "Replication does not accept REPLICATION_TOKEN (HTTP 401)"


async def test_a_system_that_is_down(client: ReplicationClient, system: ReplicationSimulator) -> None:
    await system.stop()

    error = await failure_of(client)

    assert type(error) is ReplicationUnavailable
    assert str(error) == "Replication does not answer: ClientConnectorError"


@pytest.mark.parametrize("effect", (False, True))
async def test_an_answer_that_is_lost_leaves_the_outcome_open(
    client: ReplicationClient, system: ReplicationSimulator, *, effect: bool
) -> None:
    system.lose("start", effect=effect)

    assert type(await failure_of(client)) is ReplicationUnavailable
    assert bool(system.jobs) is effect


async def test_a_system_that_hangs_costs_the_time_that_one_request_may_take(
    system: ReplicationSimulator, session: ClientSession
) -> None:
    system.hang(3600)
    error = await failure_of(ReplicationClient(system.url, session, token=TOKEN, timeout_seconds=0.2))

    assert type(error) is ReplicationUnavailable


async def test_a_cancel_stays_a_cancel(client: ReplicationClient, system: ReplicationSimulator) -> None:
    held = system.hold("start")
    starting = asyncio.create_task(client.start(SYNC))
    await held.arrived.wait()
    starting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await starting


# Against a system that answers as it is told


@pytest.mark.parametrize(
    ("status", "kind", "text"),
    (
        (400, ReplicationRefused, "Replication refuses (HTTP 400): no such disk"),
        (422, ReplicationRefused, "Replication refuses (HTTP 422): no such disk"),
        (403, ReplicationNotPermitted, "Replication does not accept REPLICATION_TOKEN (HTTP 403)"),
        (408, ReplicationUnavailable, "Replication cannot answer now (HTTP 408): no such disk"),
        (429, ReplicationUnavailable, "Replication cannot answer now (HTTP 429): no such disk"),
        (500, ReplicationUnavailable, "Replication cannot answer now (HTTP 500): no such disk"),
        (503, ReplicationUnavailable, "Replication cannot answer now (HTTP 503): no such disk"),
        (307, ReplicationRefused, "Replication sends us elsewhere (HTTP 307), which is not followed"),
    ),
)
@pytest.mark.parametrize("of_start", (True, False))
async def test_each_refusal(
    odd_system: OddAgent,
    odd_client: ReplicationClient,
    status: int,
    kind: type[ReplicationError],
    text: str,
    *,
    of_start: bool,
) -> None:
    odd_system.reply = answer({"error": "no such\ndisk"}, status)

    error = await failure_of(odd_client, of_start=of_start)

    assert (type(error), str(error)) == (kind, text)


@pytest.mark.parametrize(
    ("body", "said"),
    (
        (b"plain\x1b[31m words\r\n", "plain?[31m words"),
        (b"<html>a proxy</html>", ""),
        (b'{"message": "as a message"}', "as a message"),
        (b'{"error": 7}', ""),
        (b"[1]", ""),
        (b"", ""),
        (b"\xff\xfe", "��"),
        (b"x" * 5000, "x" * 297 + "..."),
    ),
)
async def test_what_a_refusal_says_is_made_fit_for_people(
    odd_system: OddAgent, odd_client: ReplicationClient, body: bytes, said: str
) -> None:
    odd_system.reply = Reply(body, 400)

    assert str(await failure_of(odd_client)).removeprefix("Replication refuses (HTTP 400)") == (
        f": {said}" if said else ""
    )


@pytest.mark.parametrize(
    "reply",
    (
        pytest.param(Reply(b"{", 201), id="cut JSON"),
        pytest.param(Reply(b"", 204), id="nothing"),
        pytest.param(answer([]), id="another shape"),
        pytest.param(answer({"status": "pending"}), id="no id"),
        pytest.param(answer({"job_id": ""}), id="an empty id"),
        pytest.param(answer({"job_id": "a b\u001b"}), id="an id that is none"),
        pytest.param(answer({"job_id": 7}), id="a number"),
        pytest.param(Reply(b"[" * 100_000, 201), id="without end"),
        pytest.param(Reply(b'{"job_id"', 201, announced=4000), id="cut short"),
        pytest.param(None, id="closed without a word"),
    ),
)
@pytest.mark.parametrize("of_start", (True, False))
async def test_an_answer_that_cannot_be_read_proves_nothing(
    odd_system: OddAgent, odd_client: ReplicationClient, reply: Reply | None, *, of_start: bool
) -> None:
    odd_system.reply = reply

    assert type(await failure_of(odd_client, of_start=of_start)) is ReplicationUnavailable


async def test_an_answer_about_another_job_proves_nothing(
    odd_system: OddAgent, odd_client: ReplicationClient
) -> None:
    odd_system.reply = answer({"job_id": "job-2", "status": "completed"})

    assert type(await failure_of(odd_client, of_start=False)) is ReplicationUnavailable


async def test_only_the_id_must_be_there_and_the_rest_is_read_as_far_as_it_goes(
    odd_system: OddAgent, odd_client: ReplicationClient
) -> None:
    odd_system.reply = answer(
        {
            "job_id": "job-1",
            "status": "RepliCating",
            "progress_percent": "many",
            "bytes_transferred": True,
            "total_bytes": 10.0,
            "error_message": None,
            "started_at": "yesterday",
            "updated_at": "2026-11-24T09:00:00",
            "completed_at": 7,
            "vma_progress": [],
            "added_later": {"a": 1},
        }
    )

    job = await odd_client.status("job-1")

    assert job is not None
    assert (job.status, job.progress_percent, job.bytes_transferred, job.total_bytes) == (
        "replicating",
        None,
        None,
        10,
    )
    assert (job.started_at, job.completed_at, job.problem) == (None, None, "")
    assert job.updated_at is not None
    assert job.updated_at.isoformat() == "2026-11-24T09:00:00+00:00"


async def test_a_number_that_is_none_is_absent(odd_system: OddAgent, odd_client: ReplicationClient) -> None:
    odd_system.reply = Reply(b'{"job_id": "job-1", "progress_percent": NaN, "total_bytes": 1e999}')

    job = await odd_client.status("job-1")

    assert job is not None
    assert (job.progress_percent, job.total_bytes) == (None, None)


def test_what_went_wrong_is_what_replication_or_its_agent_says() -> None:
    agent = {"error_classification": "disk", "error_details": "disk 2 cannot be read"}

    assert JobStatus.model_validate({"job_id": "j", "vma_progress": agent}).problem == "disk 2 cannot be read"
    assert (
        JobStatus.model_validate({"job_id": "j", "vma_progress": agent, "error_message": "torn"}).problem
        == "torn"
    )


@pytest.mark.parametrize("status", (301, 302, 303, 307, 308))
async def test_a_redirect_does_not_get_the_token(
    odd_system: OddAgent, odd_client: ReplicationClient, status: int
) -> None:
    elsewhere = OddAgent(answer({"job_id": "job-1"}))
    await elsewhere.start()
    odd_system.reply = Reply(status=status, headers=(f"Location: {elsewhere.url}/api/v1/replications",))
    try:
        assert type(await failure_of(odd_client)) is ReplicationRefused
    finally:
        await elsewhere.stop()
    assert elsewhere.requests == []


async def test_the_token_is_in_one_header_and_nowhere_else(
    odd_system: OddAgent, odd_client: ReplicationClient, caplog: pytest.LogCaptureFixture
) -> None:
    odd_system.reply = answer({"job_id": "job-1"}, 201)

    with caplog.at_level(logging.DEBUG):
        job = await odd_client.start(SYNC)

    (request,) = odd_system.requests
    assert request.count(TOKEN.encode()) == 1
    assert f"\r\nAuthorization: Bearer {TOKEN}\r\n".encode() in request
    assert request.startswith(b"POST /api/v1/replications HTTP/1.1\r\n")
    assert TOKEN not in repr((odd_client, job, SYNC)) + caplog.text
    assert repr(odd_client) == f"ReplicationClient({odd_system.url!r})"
    assert "of the owner" not in repr(SYNC)


@pytest.mark.parametrize(
    ("text", "safe"),
    (
        ("two\nlines\tand\u202eturned", "two lines and?turned"),
        (
            "dial https://admin:geheim@vcenter/sdk failed",
            "dial https://***@vcenter/sdk failed",
        ),
        ("password=geheim&user=me", "password=***&user=me"),
        ('{"passwd": "geheim", "a": 1}', '{"passwd": "***", "a": 1}'),
        ("Authorization: Bearer geheim.x", "Authorization: Bearer ***"),
        (None, ""),
        (7, ""),
    ),
)
def test_foreign_text_is_made_safe(text: object, safe: str) -> None:
    assert safe_text(text) == safe
