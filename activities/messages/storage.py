"""Messages about what CloudStack says of disks, pools, quota and appliance before anything is changed."""

from activities.messages.networks import ComputePlan
from activities.messages.vm import VmOwner
from rules.disks import ReplicationFacts
from rules.models import Record
from rules.preflight import Preflight
from rules.situation import Situation
from rules.storage_facts import PoolFacts, QuotaFact, StorageFacts

__all__ = ["InspectRequest", "JudgeRequest", "Judged", "PoolFacts", "QuotaFact", "StorageFacts"]


class InspectRequest(Record):
    """Ask CloudStack for everything that the preflight judges."""

    owner: VmOwner
    compute: ComputePlan
    replication: ReplicationFacts


class JudgeRequest(Situation):
    """Ask the rules for a judgement of everything that was found."""


class Judged(Record):
    """The judgement."""

    preflight: Preflight
