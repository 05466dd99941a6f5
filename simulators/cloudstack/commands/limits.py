"""Limits of accounts (observed, section 19)."""

from simulators.cloudstack.entities import Account, NetworkType, VmState
from simulators.cloudstack.errors import ApiError, Code, Detail
from simulators.cloudstack.world import World

USER_VM = "user_vm"
NETWORK = "network"
_FREED = frozenset({VmState.DESTROYED, VmState.EXPUNGING, VmState.ERROR})


def in_use(world: World, account: Account, resource: str) -> int:
    """Return how many the account has: a never-started VM counts, a Destroyed one or an L2 network not."""
    if resource == USER_VM:
        return sum(1 for vm in world.vms_existing() if vm.account is account and vm.state not in _FREED)
    return sum(
        1
        for network in world.networks.values()
        if network.account is account and not network.removed and network.type is NetworkType.ISOLATED
    )


def require_room(world: World, account: Account, resource: str, detail: Detail) -> None:
    """Check that the account may have one more.

    Raises:
        ApiError: 535, its limit is reached.
    """
    limit = account.limits.get(resource)
    if limit is None:
        return
    used = in_use(world, account, resource)
    if used >= limit:
        raise ApiError(
            Code.LIMIT,
            f"Maximum amount of resources of Type = '{resource}', tag = 'null' for Account Name ="
            f" {account.name} in Domain Id = 1 is exceeded: Account Resource Limit = {limit}, Current Account"
            f" Resource Amount = {used}, Current Account Resource Reservation = 0, Requested Resource Amount"
            " = 1.",
            detail,
        )
