"""The sample vCenter: the VMs that the demo fails over. Its credential is as public as this file."""

from simulators.vma.inventory import Disk, Nic, VCenter, VirtualMachine

VCENTER_HOST = "vcenter.example.local"
VCENTER_USERNAME = "administrator@vsphere.local"
VCENTER_PASSWORD = "simulator-vcenter-password"  # noqa: S105 (a made-up one)
DATACENTER = "DC1"

VM_NETWORK = "VM Network"
DMZ_NETWORK = "DMZ Network"
BACKUP_NETWORK = "Backup Network"

PGTEST1_ID = "7ff59fce-6391-4f0b-90b3-cfba66de9c75"
PGTEST1_MACS = ("00:50:56:01:00:01", "00:50:56:01:00:02")
PGTEST1_OLD_ID = "853e4689-789b-441f-8c1d-1ef9a18c1bec"
PGTEST1_OLD_MACS = ("00:50:56:01:00:11",)
PGTEST2_ID = "13a1e760-e83f-4c14-b188-528d41bb0d4b"
PGTEST2_MACS = ("00:50:56:02:00:01",)
PGTEST3_ID = "32dd53d4-ae89-4ea0-ba4f-579e2ff7ace2"
PGTEST3_MACS = ("00:50:56:03:00:01", "00:50:56:03:00:02")


def sample_vms() -> list[VirtualMachine]:
    """Return new copies of the sample VMs.

    ``pgtest1`` has both its networks mapped; the name of ``pgtest1-old`` contains its name, which is all
    that the agent's filter asks for; ``pgtest2`` has no mapping, ``pgtest3`` one for its first NIC only.
    """
    return [
        VirtualMachine(
            id=PGTEST1_ID,
            name="pgtest1",
            nics=[
                Nic(VM_NETWORK, PGTEST1_MACS[0]),
                Nic(DMZ_NETWORK, PGTEST1_MACS[1], adapter_type="e1000"),
            ],
            disks=[Disk("disk-2000", 40)],
            memory_mb=4096,
            num_cpu=2,
        ),
        VirtualMachine(
            id=PGTEST1_OLD_ID,
            name="pgtest1-old",
            nics=[Nic(VM_NETWORK, PGTEST1_OLD_MACS[0])],
            disks=[Disk("disk-2000", 20)],
        ),
        VirtualMachine(
            id=PGTEST2_ID,
            name="pgtest2",
            nics=[Nic(VM_NETWORK, PGTEST2_MACS[0])],
            disks=[Disk("disk-2000", 20)],
            tools_installed=False,
        ),
        VirtualMachine(
            id=PGTEST3_ID,
            name="pgtest3",
            nics=[Nic(VM_NETWORK, PGTEST3_MACS[0]), Nic(BACKUP_NETWORK, PGTEST3_MACS[1])],
            disks=[Disk("disk-2000", 60)],
            memory_mb=8192,
            num_cpu=4,
            guest_os="windows",
        ),
    ]


def sample_vcenters() -> dict[str, VCenter]:
    """Return a new copy of the sample vCenter, by host name."""
    return {
        VCENTER_HOST: VCenter(
            username=VCENTER_USERNAME,
            password=VCENTER_PASSWORD,
            datacenter=DATACENTER,
            vms=sample_vms(),
        )
    }
