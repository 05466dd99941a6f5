"""Additions to the sample cloud from a file, for the simulator as a process.

The file is a JSON object of lists: ``zones``, ``networks``, ``templates``, ``offerings``, ``vms``, added in
this order. Networks and VMs may name an ``account`` (``admin`` or ``plain``); a VM names its ``networks``.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from simulators.cloudstack.entities import TEMPLATE_SIZE, Account, Network, NetworkType, VmState
from simulators.cloudstack.world import World

Named = TypeVar("Named")
_SIZES = frozenset(
    {
        "cpu_number", "cpu_speed", "memory",
        "min_cpu_number", "max_cpu_number", "min_memory", "max_memory",
    }
)  # fmt: skip


class SeedError(ValueError):
    """The seed file asks for something that cannot be made; the text names the entry."""


class _Entry:
    """One object of a list, that has to be read to its last field."""

    def __init__(self, where: str, item: object) -> None:
        if not isinstance(item, dict):
            raise SeedError(f"{where} is no object")
        self.where = where
        self._left: dict[str, object] = dict(item)

    def text(self, name: str, default: str | None = "") -> str:
        value = self._left.pop(name, default)
        if not isinstance(value, str):
            raise SeedError(f"{self.where}.{name} has to be text")
        return value

    def flag(self, name: str) -> bool:
        value = self._left.pop(name, False)
        if not isinstance(value, bool):
            raise SeedError(f"{self.where}.{name} has to be true or false")
        return value

    def numbers(self, names: frozenset[str]) -> dict[str, int]:
        given = {name: self._left.pop(name) for name in list(self._left) if name in names}
        wrong = [name for name, value in given.items() if type(value) is not int]
        if wrong:
            raise SeedError(f"{self.where}.{wrong[0]} has to be a whole number")
        return cast("dict[str, int]", given)

    def texts(self, name: str) -> list[str]:
        value = self._left.pop(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise SeedError(f"{self.where}.{name} has to be a list of texts")
        return value

    def close(self) -> None:
        if self._left:
            raise SeedError(f"{self.where} has unknown fields: {', '.join(sorted(self._left))}")


def apply_seed(world: World, data: object) -> None:
    """Add to the world what the file says.

    Raises:
        SeedError: It says something that cannot be made.
    """
    makers: Mapping[str, Callable[[World, _Entry], None]] = {
        "zones": _zone,
        "networks": _network,
        "templates": _template,
        "offerings": _offering,
        "vms": _vm,
    }
    if not isinstance(data, dict) or not set(data) <= set(makers):
        raise SeedError(f"the seed has to be an object with no other keys than {', '.join(makers)}")
    for kind, make in makers.items():
        items = data.get(kind, [])
        if not isinstance(items, list):
            raise SeedError(f"{kind} has to be a list")
        for place, item in enumerate(items):
            entry = _Entry(f"{kind}[{place}]", item)
            make(world, entry)


def _zone(world: World, entry: _Entry) -> None:
    name, zone_id = entry.text("name", None), entry.text("id")
    entry.close()
    world.add_zone(name, zone_id=zone_id)


def _network(world: World, entry: _Entry) -> None:
    name, kind = entry.text("name", None), entry.text("type", NetworkType.L2)
    network_id, subnet, account = entry.text("id"), entry.text("subnet"), _account(world, entry)
    entry.close()
    chosen = _named(entry, "type", kind, {item.value: item for item in NetworkType})
    world.add_network(name, chosen, network_id=network_id, subnet=subnet, account=account)


def _template(world: World, entry: _Entry) -> None:
    name, template_id = entry.text("name", None), entry.text("id")
    password_enabled = entry.flag("password_enabled")
    size = entry.numbers(frozenset({"size"})).get("size", TEMPLATE_SIZE)
    entry.close()
    world.add_template(name, template_id=template_id, password_enabled=password_enabled, size=size)


def _offering(world: World, entry: _Entry) -> None:
    name, offering_id = entry.text("name", None), entry.text("id")
    sizes = entry.numbers(_SIZES)
    entry.close()
    world.add_offering(name, offering_id=offering_id, created=None, **sizes)


def _vm(world: World, entry: _Entry) -> None:
    name, vm_id = entry.text("name", None), entry.text("id")
    state = entry.text("state", VmState.STOPPED)
    wanted, account = entry.texts("networks"), _account(world, entry)
    entry.close()
    known: dict[str, Network] = {network.name: network for network in world.networks.values()}
    networks = [_named(entry, "networks", network, known) for network in wanted]
    chosen = _named(entry, "state", state, {item.value: item for item in VmState})
    world.add_vm(name, networks, vm_id=vm_id, account=account, state=chosen)


def _account(world: World, entry: _Entry) -> Account:
    return _named(entry, "account", entry.text("account", "admin"), world.accounts)


def _named(entry: _Entry, field: str, name: str, known: Mapping[str, Named]) -> Named:
    found = known.get(name)
    if found is None:
        raise SeedError(f"{entry.where}.{field} names {name!r}, there is: {', '.join(known)}")
    return found
