"""The judgement as a step: what goes in and comes out is what Temporal stores, and it asks nobody."""

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import ActivityEnvironment

from activities.messages.storage import Judged, JudgeRequest
from activities.preflight import PreflightActivities
from rules.judgement import judge
from tests.rules.situations import replication, situation


async def test_the_step_says_what_the_rules_say_of_what_the_history_holds() -> None:
    known = situation("test", replication=replication(torn_by="job-8"))
    converter = pydantic_data_converter.payload_converter
    (request,) = converter.from_payloads(converter.to_payloads([known]), [JudgeRequest])

    judged = await ActivityEnvironment().run(PreflightActivities().judge, request)

    (read,) = converter.from_payloads(converter.to_payloads([judged]), [Judged])
    assert read.preflight == judge(known)
    assert [check.name for check in read.preflight.failures] == ["recovery_point"]
