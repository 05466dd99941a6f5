"""The API commands that the simulator has."""

from simulators.cloudstack.commands import (
    accounts,
    attaching,
    capacity,
    catalogue,
    deploy,
    jobs,
    lifecycle,
    networks,
    snapshots,
    storage,
    tags,
    virtual_machines,
    vm_snapshots,
    volumes,
)
from simulators.cloudstack.commands.invocation import Command

COMMANDS: dict[str, Command] = {
    command.name: command
    for module in (
        accounts, attaching, capacity, catalogue, deploy, jobs, lifecycle, networks, snapshots, storage,
        tags, virtual_machines, vm_snapshots, volumes,
    )
    for command in module.COMMANDS
}  # fmt: skip
