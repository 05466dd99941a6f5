import re

import pytest

from cloudstack import (
    BadRequest,
    CloudStackError,
    InternalFault,
    InUse,
    InvalidParameter,
    JobOutcome,
    JobState,
    Maintenance,
    NoCapacity,
    NotAuthenticated,
    NotExecuted,
    NotPermitted,
    OutcomeUnknown,
    QuotaExceeded,
    Refused,
    ServerFault,
    Throttled,
    Transport,
    Unavailable,
    errors,
)
from cloudstack.errors import TEXT_LIMIT
from tests.cloudstack.cloudstack_server import (
    Answer,
    Dropped,
    FakeCloudStack,
    Hanging,
    Reply,
    fault,
    html,
    reply,
)

WRITE = "stopVirtualMachine"
READ = "listZones"

# The rows of cloudstack-api.md, section 1.8: an answer, its class, how often a write and a read are sent.
ROWS = [
    (fault("x", 401, None), NotAuthenticated, 2, 2),
    (fault("x", 429), Throttled, 1, 4),
    (fault("x", 431, 9999), InvalidParameter, 1, 1),
    (fault("x", 431, 4350), InvalidParameter, 1, 1),
    (html(414), BadRequest, 1, 1),
    (html(431), BadRequest, 1, 1),
    (fault("x", 400), BadRequest, 1, 1),
    (fault("x", 405), BadRequest, 1, 1),
    (fault("x", 430), BadRequest, 1, 1),
    (fault("x", 432), BadRequest, 1, 1),
    (fault("x", 503), Maintenance, 1, 4),
    (html(502), OutcomeUnknown, 1, 4),
    (html(503), OutcomeUnknown, 1, 4),
    (html(504), OutcomeUnknown, 1, 4),
    (html(500), OutcomeUnknown, 1, 4),
    (html(404), OutcomeUnknown, 1, 4),
    (fault("x", 511), BadRequest, 1, 1),
    (fault("x", 411), BadRequest, 1, 1),
    (fault("x", 530, 0), InternalFault, 1, 1),
    (fault("x", 531, 4365), NotPermitted, 1, 1),
    (fault("x", 532, 4280), QuotaExceeded, 1, 1),
    (fault("x", 533), NoCapacity, 1, 1),
    (fault("x", 534), Unavailable, 1, 1),
    (fault("x", 535, 4370), QuotaExceeded, 1, 1),
    (fault("x", 536), InUse, 1, 1),
    (fault("x", 537), BadRequest, 1, 1),
    # What the table does not name, and what stands between.
    (fault("x", 599), OutcomeUnknown, 1, 4),
    (html(401), NotAuthenticated, 2, 2),
    (html(403), BadRequest, 1, 1),
    (html(413), BadRequest, 1, 1),
    (html(429), Throttled, 1, 4),
    (html(307), BadRequest, 1, 1),
    (html(200), OutcomeUnknown, 1, 4),
    (Reply(200, b'{"stopvirtualmachineresponse":'), OutcomeUnknown, 1, 4),
    (Reply(200, b"\xff\xfe"), OutcomeUnknown, 1, 4),
    (Reply(200, b""), OutcomeUnknown, 1, 4),
    (Reply(200, b"[1]"), OutcomeUnknown, 1, 4),
    (Reply(200, b'{"healthy":{}}'), OutcomeUnknown, 1, 4),
    (Reply(503, b'{"message":"no upstream"}'), OutcomeUnknown, 1, 4),
    (Reply(503, b'{"stopvirtualmachineresponse":{}}'), OutcomeUnknown, 1, 4),
    # A proxy that changes the status does not change what CloudStack said.
    (Reply(200, fault("x", 531).body), NotPermitted, 1, 1),
    (Reply(500, fault("x", 431).body), InvalidParameter, 1, 1),
    # The reply is lost.
    (Dropped(), OutcomeUnknown, 1, 4),
    (Dropped(announced=500), OutcomeUnknown, 1, 4),
]


@pytest.mark.parametrize(("answer", "expected", "writes"), [(a, e, w) for a, e, w, _ in ROWS])
async def test_a_failed_write_has_the_class_of_its_answer_and_is_sent_once(
    server: FakeCloudStack,
    transport: Transport,
    answer: Answer,
    expected: type[CloudStackError],
    writes: int,
) -> None:
    server.answer(answer)

    with pytest.raises(CloudStackError) as caught:
        await transport.call(WRITE, {"id": "1"})

    assert type(caught.value) is expected
    assert caught.value.command == WRITE
    assert len(server.requests) == writes


@pytest.mark.parametrize(("answer", "expected", "reads"), [(a, e, r) for a, e, _, r in ROWS])
async def test_a_failed_read_has_the_same_class_and_is_repeated_where_that_can_help(
    server: FakeCloudStack,
    transport: Transport,
    answer: Answer,
    expected: type[CloudStackError],
    reads: int,
) -> None:
    server.answer(answer)

    with pytest.raises(CloudStackError) as caught:
        await transport.call(READ, {})

    assert type(caught.value) is expected
    assert len(server.requests) == reads


@pytest.mark.parametrize("answer", (fault("x", 429), fault("x", 503), html(502), Dropped()))
async def test_a_read_that_succeeds_when_repeated_is_a_success(
    server: FakeCloudStack, transport: Transport, answer: Answer
) -> None:
    server.answer(answer, answer, answer, reply(READ, {"count": 1}))

    assert await transport.call(READ, {}) == {"count": 1}


@pytest.mark.parametrize(("command", "sent"), ((WRITE, 1), (READ, 2)))
async def test_a_reply_that_does_not_come_in_time_is_lost(
    server: FakeCloudStack, command: str, sent: int
) -> None:
    server.answer(Hanging())

    async with Transport(
        server.url, "k", "s", timeout_seconds=0.2, read_retries=1, retry_seconds=0.001
    ) as impatient:
        with pytest.raises(OutcomeUnknown) as caught:
            await impatient.call(command, {})

    assert caught.value.code is None
    assert len(server.requests) == sent


@pytest.mark.parametrize(
    ("branch", "leaves"),
    (
        (NotExecuted, {Throttled, Maintenance}),
        (Refused, {InvalidParameter, NotAuthenticated, NotPermitted, QuotaExceeded, BadRequest}),
        (ServerFault, {InternalFault, NoCapacity, Unavailable, InUse}),
    ),
)
def test_each_answer_belongs_to_exactly_one_thing_that_the_caller_may_do(
    branch: type[CloudStackError], leaves: set[type[CloudStackError]]
) -> None:
    branches: list[type[CloudStackError]] = [NotExecuted, OutcomeUnknown, Refused, ServerFault]

    for leaf in leaves:
        assert [other for other in branches if issubclass(leaf, other)] == [branch]


async def test_an_error_says_command_codes_and_cloudstacks_text(
    server: FakeCloudStack, transport: Transport
) -> None:
    server.answer(fault(WRITE, 431, 4350, "The vm with hostName q4-same\n already exists"))

    with pytest.raises(InvalidParameter) as caught:
        await transport.call(WRITE, {})

    assert str(caught.value) == f"{WRITE}: 431/4350: The vm with hostName q4-same already exists"
    assert (caught.value.code, caught.value.cs_code) == (431, 4350)


def test_a_long_text_is_cut() -> None:
    error = CloudStackError(WRITE, 530, None, "x" * 5000)

    assert len(error.text) == TEXT_LIMIT
    assert str(error) == f"{WRITE}: 530: {'x' * (TEXT_LIMIT - 1)}…"


def test_an_error_without_an_answer_says_so() -> None:
    assert str(OutcomeUnknown(WRITE, None, None, "lost")) == f"{WRITE}: no answer: lost"


@pytest.mark.parametrize(
    ("code", "expected"),
    (
        (431, InvalidParameter),
        (530, InternalFault),
        (531, NotPermitted),
        (533, NoCapacity),
        (534, Unavailable),
        (535, QuotaExceeded),
        (536, InUse),
        (537, BadRequest),
        (0, OutcomeUnknown),
    ),
)
def test_a_failed_job_has_the_class_of_its_code(code: int, expected: type[CloudStackError]) -> None:
    outcome = JobOutcome(job_id="j", state=JobState.FAILED, code=code, has_result=True, text="why")

    error = outcome.error(WRITE)

    assert type(error) is expected
    assert (error.code, error.text) == (code, "why")


@pytest.mark.parametrize(
    "outcome",
    (
        JobOutcome(job_id="j-7", state=JobState.FAILED, code=530),
        JobOutcome(job_id="j-7", state=JobState.FAILED, code=0),
        JobOutcome(job_id="j-7", state=JobState.EXPIRED, code=431),
    ),
)
def test_nobody_knows_how_far_a_lost_or_forgotten_job_had_come(outcome: JobOutcome) -> None:
    error = outcome.error(WRITE)

    assert type(error) is OutcomeUnknown
    assert "j-7" in str(error)


@pytest.mark.parametrize("state", (JobState.PENDING, JobState.SUCCEEDED))
def test_a_job_that_did_not_fail_has_no_error(state: JobState) -> None:
    assert JobOutcome(job_id="j", state=state).error(WRITE) is None


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    _, _, tree = (errors.__doc__ or "").partition("::\n")
    tree, _, _ = tree.partition("\n\nEvery row")
    drawn = [re.match(r"\s{4}([\s│├└─]*)(\w+)", line) for line in tree.splitlines() if line.strip()]

    assert [(len(found[1]) // 4, found[2]) for found in drawn if found] == _tree(CloudStackError)


def _tree(kind: type[CloudStackError], depth: int = 0) -> list[tuple[int, str]]:
    below = [row for one in kind.__subclasses__() for row in _tree(one, depth + 1)]
    return [(depth, kind.__name__), *below]
