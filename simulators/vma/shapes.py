"""The agent's JSON, field by field as observed, the empty ones too."""

from simulators.vma.inventory import POWERED_ON, Disk, Nic, VCenter, VirtualMachine

_GIB = 1024**3


def discovery(host: str, vcenter: VCenter, wanted: str) -> dict[str, object]:
    """Return the reply of a discovery: every VM whose name contains ``wanted``, in any letter case."""
    return {
        "vcenter": {"host": host, "datacenter": vcenter.datacenter},
        "vms": [_vm(vm, vcenter.datacenter) for vm in vcenter.vms if wanted.lower() in vm.name.lower()],
    }


def _vm(vm: VirtualMachine, datacenter: str) -> dict[str, object]:
    return {
        "id": vm.id,
        "name": vm.name,
        "path": f"/{datacenter}/vm/{vm.name}",
        "datacenter": datacenter,
        "power_state": vm.power_state,
        "guest_os": vm.guest_os,
        "memory_mb": vm.memory_mb,
        "num_cpu": vm.num_cpu,
        "cpus": 0,
        "os_type": "",
        "vmx_version": "vmx-13",
        "display_name": "",
        "annotation": "",
        "folder_path": "",
        "vmware_tools_status": "",
        "vmware_tools_version": "",
        "disks": [_disk(disk, vm) for disk in vm.disks],
        "networks": [_nic(nic, vm) for nic in vm.nics],
    }


def _disk(disk: Disk, vm: VirtualMachine) -> dict[str, object]:
    path = f"[{disk.datastore}] {vm.name}/{disk.file}"
    return {
        "id": disk.id,
        "label": f"Hard disk {disk.unit_number + 1}",
        "path": path,
        "vmdk_path": path,
        "size_gb": disk.size_gb,
        "capacity_bytes": disk.size_gb * _GIB,
        "datastore": disk.datastore,
        "provisioning_type": "thin",
        "unit_number": disk.unit_number,
    }


def _nic(nic: Nic, vm: VirtualMachine) -> dict[str, object]:
    return {
        "label": nic.label,
        "network_name": nic.network_name,
        "adapter_type": nic.adapter_type,
        "mac_address": nic.mac_address,
        "connected": nic.connected and vm.power_state == POWERED_ON,
        "type": "",
    }
