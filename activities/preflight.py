"""The preflight's judgement as a step of its own."""

from temporalio import activity

from activities.messages.storage import Judged, JudgeRequest
from activities.translate import typed_failures
from rules.judgement import judge


class PreflightActivities:
    """Applies the rules to what was found.

    It asks no other system. It is an activity so that its answer stands in the history: rules that are
    changed later never change a run that was judged by the old ones, nor its replay.
    """

    @activity.defn(name="JudgePreflightActivity")
    async def judge(self, request: JudgeRequest) -> Judged:
        """Judge every check of the preflight."""
        with typed_failures():
            return Judged(preflight=judge(request))
