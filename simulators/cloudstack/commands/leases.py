"""Instance leases (observed, section 17): the server ends a VM after some days."""

from datetime import timedelta

from simulators.cloudstack.commands.invocation import Invocation
from simulators.cloudstack.entities import Lease, Vm
from simulators.cloudstack.errors import ApiError, Detail, internal, refused

_ACTIONS = ("STOP", "DESTROY")
_LONGEST = 36500
_NO_LEASE = -1


def lease_of(inv: Invocation) -> Lease | None:
    """Return the lease that a deploy asks for.

    While the feature is off its parameters are ignored without a word, bad values too.

    Raises:
        ApiError: 431, one parameter without the other, or a bad value.
    """
    if not inv.world.setting("instance.lease.enabled"):
        return None
    duration, action = inv.params.get("leaseduration"), inv.params.get("leaseexpiryaction").upper()
    if not duration and not action:
        return None
    days = inv.params.number("leaseduration")
    if days == _NO_LEASE:
        return None
    if days is None or not action:
        raise refused("Provide values for both: leaseduration and leaseexpiryaction")
    if not 1 <= days <= _LONGEST:
        raise refused(
            "Invalid leaseduration: must be a natural number (>=1) or -1, max supported value is 36500"
        )
    if action not in _ACTIONS:
        raise refused("Invalid value configured for leaseexpiryaction, valid values are: [STOP, DESTROY, ]")
    return Lease(days, inv.world.now() + timedelta(days=days), action)


def change_lease(inv: Invocation, vm: Vm) -> None:
    """Change or end a VM's lease; one that it was not deployed with, or that ended, cannot be set.

    Raises:
        ApiError: 431 for a bad value, 530 where there is no lease to change.
    """
    if "leaseduration" not in inv.params or not inv.world.setting("instance.lease.enabled"):
        return
    lease = lease_of(inv)
    if lease is not None and vm.lease is None:
        raise _no_lease(vm)
    vm.lease = lease


def _no_lease(vm: Vm) -> ApiError:
    return internal(
        f"Failed to update VM, due to: Lease can't be applied on instance with id: {vm.id}, it doesn't have"
        " active lease",
        Detail.RUNTIME,
    )
