"""Power of the simulated VMs.

Observed (vma-observed.md): the replies of a power state, of a power-off without VMware Tools or when it is
off, and of a power-on. Not observed: what the agent answers when a guest does not go down in time, or when a
suspended one is asked gently. Here it is a 500, and nobody may rely on its text.
"""

from datetime import UTC, datetime

from simulators.vma.inventory import POWERED_OFF, POWERED_ON, SUSPENDED, VirtualMachine


class PowerRefusedError(Exception):
    """The agent answers 500 with this text."""


def power_state(vm: VirtualMachine) -> dict[str, object]:
    """Return the reply about the VM's power; a guest that is going down gets one look nearer to it."""
    vm.looked_at()
    return {
        "vm_id": vm.id,
        "power_state": vm.power_state,
        "tools_status": vm.tools_status,
        "timestamp": datetime.now(UTC).isoformat(),
    }


def power_off(vm: VirtualMachine, *, force: bool) -> dict[str, object]:
    """Switch the VM off; asked gently without VMware Tools, it pulls the plug (observed).

    Raises:
        PowerRefusedError: The guest was asked, and is not off yet, or cannot be asked.
    """
    if vm.power_state == POWERED_OFF:
        method = "already-off"
    elif force or not vm.tools_installed:
        method = "forced"
    elif vm.power_state == SUSPENDED:
        raise PowerRefusedError("Failed to power off VM: the guest of a suspended VM cannot be asked")
    elif not vm.begin_shutdown():
        raise PowerRefusedError("Failed to power off VM: timed out while the guest shuts down")
    else:
        method = "graceful"
    return {**_changed(vm, POWERED_OFF, "power-off"), "shutdown_method": method}


def power_on(vm: VirtualMachine) -> dict[str, object]:
    """Switch the VM on."""
    return _changed(vm, POWERED_ON, "power-on")


def _changed(vm: VirtualMachine, state: str, operation: str) -> dict[str, object]:
    previous, vm.power_state = vm.power_state, state
    vm.looks_until_off = None
    return {
        "success": True,
        "vm_id": vm.id,
        "previous_state": previous,
        "new_state": state,
        "operation": operation,
        "tools_status": vm.tools_status,
        "duration_seconds": 0,
        "timestamp": datetime.now(UTC).isoformat(),
        "message": f"VM {operation} completed",
    }
