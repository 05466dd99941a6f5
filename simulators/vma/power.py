"""Power of the simulated VMs."""

from datetime import UTC, datetime

from simulators.vma.inventory import POWERED_OFF, POWERED_ON, VirtualMachine


def power_state(vm: VirtualMachine) -> dict[str, object]:
    """Return the reply about the VM's power."""
    return {
        "vm_id": vm.id,
        "power_state": vm.power_state,
        "tools_status": vm.tools_status,
        "timestamp": datetime.now(UTC).isoformat(),
    }


def power_off(vm: VirtualMachine, *, force: bool) -> dict[str, object]:
    """Switch the VM off; asked gently without VMware Tools, it pulls the plug (observed)."""
    if vm.power_state == POWERED_OFF:
        method = "already-off"
    else:
        method = "forced" if force or not vm.tools_installed else "graceful"
    return {**_changed(vm, POWERED_OFF, "power-off"), "shutdown_method": method}


def power_on(vm: VirtualMachine) -> dict[str, object]:
    """Switch the VM on."""
    return _changed(vm, POWERED_ON, "power-on")


def _changed(vm: VirtualMachine, state: str, operation: str) -> dict[str, object]:
    previous, vm.power_state = vm.power_state, state
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
