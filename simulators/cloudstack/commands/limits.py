"""Limits of accounts (observed, section 19)."""

from collections.abc import Callable, Mapping

from simulators.cloudstack.entities import Account, NetworkType, VmState
from simulators.cloudstack.errors import ApiError, Code, Detail
from simulators.cloudstack.storage import GIB
from simulators.cloudstack.world import World

USER_VM = "user_vm"
CPU = "cpu"
MEMORY = "memory"
"""In MB."""
NETWORK = "network"
VOLUME = "volume"
SNAPSHOT = "snapshot"
PRIMARY_STORAGE = "primary_storage"
SECONDARY_STORAGE = "secondary_storage"
_IN_BYTES = frozenset({PRIMARY_STORAGE, SECONDARY_STORAGE})
_FREED = frozenset({VmState.DESTROYED, VmState.EXPUNGING, VmState.ERROR})


def unit_of(resource: str) -> int:
    """Return what one unit of an account's limit is: a GB in bytes for storage, else one thing."""
    return GIB if resource in _IN_BYTES else 1


def in_use(world: World, account: Account, resource: str) -> int:
    """Return how much the account has, storage in bytes.

    A never-started VM counts, a Destroyed one does not; its volumes count until it is expunged. L2 networks
    are not counted.
    """
    return _COUNTS[resource](world, account)


def require_room(world: World, account: Account, resource: str, detail: Detail, requested: int = 1) -> None:
    """Check that the account may have so much more, storage in bytes.

    Raises:
        ApiError: 535, its limit would be exceeded.
    """
    limit = account.limits.get(resource)
    if limit is None:
        return
    limit *= unit_of(resource)
    used = in_use(world, account, resource)
    if used + requested > limit:
        raise ApiError(
            Code.LIMIT,
            f"Maximum amount of resources of Type = '{resource}', tag = 'null' for Account Name ="
            f" {account.name} in Domain Id = 1 is exceeded: Account Resource Limit ="
            f" {_amount(resource, limit)}, Current Account Resource Amount = {_amount(resource, used)},"
            f" Current Account Resource Reservation = {_amount(resource, 0)}, Requested Resource Amount ="
            f" {_amount(resource, requested)}.",
            detail,
        )


def _amount(resource: str, value: int) -> str:
    return f"({value / GIB:.2f} GB) {value}" if resource in _IN_BYTES else str(value)


def _vms(world: World, account: Account) -> int:
    return sum(1 for vm in world.vms_existing() if vm.account is account and vm.state not in _FREED)


def _running_size(world: World, account: Account, part: str) -> int:
    return sum(
        getattr(vm, part) for vm in world.vms_existing() if vm.account is account and vm.state not in _FREED
    )


def _networks(world: World, account: Account) -> int:
    return sum(
        1
        for network in world.networks.values()
        if network.account is account and not network.removed and network.type is NetworkType.ISOLATED
    )


def _volume_sizes(world: World, account: Account) -> list[int]:
    return [item.size for item in world.volumes.values() if item.account is account and not item.removed]


def _snapshot_sizes(world: World, account: Account) -> list[int]:
    return [item.size for item in world.snapshots.values() if item.account is account and not item.removed]


_COUNTS: Mapping[str, Callable[[World, Account], int]] = {
    USER_VM: _vms,
    CPU: lambda world, account: _running_size(world, account, "cpu_number"),
    MEMORY: lambda world, account: _running_size(world, account, "memory"),
    NETWORK: _networks,
    VOLUME: lambda world, account: len(_volume_sizes(world, account)),
    PRIMARY_STORAGE: lambda world, account: sum(_volume_sizes(world, account)),
    SNAPSHOT: lambda world, account: len(_snapshot_sizes(world, account)),
    SECONDARY_STORAGE: lambda world, account: sum(_snapshot_sizes(world, account)),
}
