"""Messages about the VM: create, wait, start, verify, remove."""

from enum import StrEnum

from activities.messages.networks import ComputePlan, GuardRequest
from rules.context import DestinationConfig
from rules.identity import test_suffix
from rules.models import Record
from rules.naming import live_vm_name, test_vm_name
from rules.outcomes import FailoverVm
from rules.policy import FailoverPolicy
from rules.request import FailoverType
from rules.resolution import NetworkDecision


class VmOwner(Record):
    """Whose VM it is: enough to compute its identity, its names and its mark again.

    Attributes:
        first_run_id: Temporal's id of the first run, the same after a reset. A workflow id may be used again
            much later: snapshots and clones of then hold another time, and are never taken for ours.
    """

    workflow_id: str
    context_id: str
    failover_type: FailoverType
    source_vm_name: str
    destination: DestinationConfig
    first_run_id: str = ""

    @property
    def disks_key(self) -> str:
        """What snapshots and clones are marked with."""
        return f"{self.workflow_id}/{self.first_run_id}" if self.first_run_id else self.workflow_id

    def vm_name(self, generation: int) -> str:
        """Return the name of a generation's VM."""
        if self.failover_type is FailoverType.LIVE:
            return live_vm_name(self.source_vm_name)
        return test_vm_name(self.source_vm_name, test_suffix(self.workflow_id, generation))

    @property
    def keyword(self) -> str:
        """A part of the name that every generation's VM has."""
        if self.failover_type is FailoverType.LIVE:
            return live_vm_name(self.source_vm_name)
        return test_suffix(self.workflow_id, 1)


class CreateVMRequest(Record):
    """Ask for the VM, stopped, with its NICs in order.

    Attributes:
        first_generation: Earlier generations are known to be gone for good.
        settled: False when a create call of an earlier run or attempt may still be under way.
        guard: For a test: what the production guard is asked once more, right before each create call.
        after_reset: True when what the run knows of its lease and of ``completed_vm_id`` may be a replay.
        completed_vm_id: The VM of an earlier run of this workflow id that completed; never removed.
        lease_days: CloudStack's instance lease, for a drill on clones only; 0 for none.
    """

    owner: VmOwner
    compute: ComputePlan
    decisions: tuple[NetworkDecision, ...]
    policy: FailoverPolicy
    first_generation: int = 1
    settled: bool = True
    guard: GuardRequest | None = None
    after_reset: bool = False
    completed_vm_id: str = ""
    lease_days: int = 0


class CreateVMReply(Record):
    """The VM that is ours, and the job that makes it; no job when it was there already.

    Attributes:
        cleared: Dead VMs of this failover that were in the way, and what is left of each.
    """

    vm: FailoverVm
    job_id: str = ""
    cleared: tuple[str, ...] = ()


class JobRequest(Record):
    """Ask for the end of a CloudStack job.

    Attributes:
        timeout_seconds: After that much waiting the end counts as unknown.
    """

    destination: DestinationConfig
    job_id: str
    timeout_seconds: float


class JobState(StrEnum):
    """How a job ended. Only the code is kept: a job's result may hold a password in plain text."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """CloudStack forgot the job, it ended without a result, or not in time: the resource tells."""


class JobReport(Record):
    """The end of a job; ``code`` is CloudStack's, 0 when it gave none."""

    state: JobState
    code: int = 0


class StartVMRequest(Record):
    """Ask for the start of our VM.

    Attributes:
        decisions: The VM is not started unless its NICs are the decided ones.
        guard: For a test: what the production guard is asked once more, right before the call.
        refused_with: The code of a start job that cannot succeed later: only a VM that runs all the same is
            a success then.
    """

    owner: VmOwner
    vm: FailoverVm
    decisions: tuple[NetworkDecision, ...]
    guard: GuardRequest | None = None
    refused_with: int | None = None


class StartReply(Record):
    """The VM's state before the call, and the job that starts it; no job when it runs already."""

    state: str
    job_id: str = ""


class VerifyRequest(Record):
    """Ask CloudStack to read the VM back and compare it with the decisions."""

    owner: VmOwner
    vm: FailoverVm
    decisions: tuple[NetworkDecision, ...]


class RemoveVMRequest(Record):
    """Undo: remove every VM that carries our identity up to this generation.

    Attributes:
        vm_id: The VM that the run knows of; empty when it knows of none.
        keep_vm_id: The VM that an earlier run of this workflow id completed; empty where there is none.
        replica_ids: Replicated volumes: a VM that has one attached is never destroyed, since an expunge
            deletes a swapped-in root (observed, section 10).
    """

    owner: VmOwner
    generation: int
    vm_id: str = ""
    vm_name: str = ""
    keep_vm_id: str = ""
    replica_ids: tuple[str, ...] = ()


class RemovedVMs(Record):
    """What the undo found and did, as ``name (id): what``."""

    removed: tuple[str, ...] = ()
    left_behind: tuple[str, ...] = ()
