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
    """Ask CloudStack for everything that the preflight judges.

    Attributes:
        compute: None where the plan has no offering that can be used: its size is not asked then.
        zone_id: Where ``compute`` is None; empty where there is no such zone: its pools are not asked then.
    """

    owner: VmOwner
    compute: ComputePlan | None = None
    replication: ReplicationFacts
    zone_id: str = ""


class JudgeRequest(Situation):
    """Ask the rules for a judgement of everything that was found."""


class Judged(Record):
    """The judgement."""

    preflight: Preflight
