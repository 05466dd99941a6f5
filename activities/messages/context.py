"""Messages about the VM's context and the lease on it."""

from rules.context import DestinationConfig, VMContext
from rules.models import Record
from rules.policy import FailoverPolicy
from rules.request import FailoverType, UnifiedFailoverConfig


class LoadContextRequest(Record):
    """Ask for the VM's context, its CloudStack configuration and the site's policy."""

    config: UnifiedFailoverConfig


class LoadedContext(Record):
    """Everything that the request left out."""

    context: VMContext
    destination: DestinationConfig
    policy: FailoverPolicy


class LeaseRequest(Record):
    """Ask for the right to fail this VM over.

    Attributes:
        owner: The workflow id: a reset keeps it, so the lease is re-entrant for it.
        vm_name: For live, the name that will be created; two runs never create one name at a time.
        take_over_from: An owner of which Temporal said that it is closed.
        take_over_token: The token of the lease that it held when it was asked after.
    """

    context_id: str
    failover_type: FailoverType
    owner: str
    vm_name: str
    take_over_from: str = ""
    take_over_token: str = ""


class LeaseReply(Record):
    """The lease, or who holds it.

    Attributes:
        fresh: False when an earlier run may have left a create call under way.
        held_by: The workflow id of the holder; empty when granted.
        held_token: The token of its lease, for taking it over; empty when granted.
        name_only: What is held is only the VM's name, by the failover of another VM.
    """

    granted: bool
    fresh: bool = True
    held_by: str = ""
    held_token: str = ""
    name_only: bool = False


class ReleaseLeaseRequest(Record):
    """Give back what a run holds that ends before it has begun."""

    owner: str


class HolderQuery(Record):
    """Ask who stands in the way of a run of this kind, without taking anything."""

    context_id: str
    failover_type: FailoverType


class Holders(Record):
    """The workflow ids that hold a lease which such a run would ask for; they may be closed."""

    workflow_ids: tuple[str, ...] = ()


class OwnerQuery(Record):
    """Ask Temporal about the holder of a lease."""

    workflow_id: str


class OwnerState(Record):
    """Whether the holder of a lease still runs; a workflow that Temporal does not know does not."""

    open: bool
