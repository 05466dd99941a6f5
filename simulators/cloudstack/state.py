"""What the simulated management server knows, and what its own work does to it."""

from datetime import UTC, datetime, timedelta

from simulators.cloudstack.addresses import free_ip, free_mac
from simulators.cloudstack.entities import (
    Account,
    Group,
    Host,
    Job,
    Network,
    NetworkOffering,
    NetworkState,
    NetworkType,
    Nic,
    ServiceOffering,
    Template,
    Vm,
    VmState,
    Zone,
)
from simulators.cloudstack.storage_state import StorageState

ISOLATED_SERVICES = ("Dhcp", "Dns", "Firewall", "PortForwarding", "SourceNat", "StaticNat", "UserData", "Vpn")
KVM = "KVM"
SHARED_SERVICES = ("Dhcp", "Dns", "UserData")


class State(StorageState):
    """Everything that the simulated management server knows.

    Nothing is ever dropped from ``networks``, ``vms``, ``volumes`` and ``snapshots``: what was deleted or
    expunged stays with ``removed`` set, since the real server tells it from what never existed (observed,
    section 2).

    Attributes:
        networks, templates, offerings, vms, jobs: By uuid.
        accounts: By name; projects are in ``projects`` by uuid.
        maintenance: While true, async commands are refused with 503 (observed, section 21).
        settings: The server's global settings, as far as anything here depends on them.
        can_boot_uefi: Whether a host starts a VM with UEFI; none of those that were observed (section 1).
    """

    def __init__(self, *, seed: int, zone_id: str, zone_name: str, domain_id: str) -> None:
        super().__init__(seed)
        self.domain_id = domain_id or self.ids.uuid()
        self.physical_network_id = self.ids.uuid()
        self.os_type_id = self.ids.uuid()
        self.pod_id = self.ids.uuid()
        self.management_server_id = self.ids.uuid()
        self.zone = Zone(zone_id or self.ids.uuid(), zone_name, vlans=range(100, 201))
        self.zones: dict[str, Zone] = {self.zone.id: self.zone}
        self.hosts: list[Host] = []
        for cluster in ("C0", "C1"):
            self._add_cluster(cluster)
        self.network_offerings: dict[str, NetworkOffering] = {
            item.id: item for item in self._built_in_network_offerings()
        }
        self.networks: dict[str, Network] = {}
        self.templates: dict[str, Template] = {}
        self.offerings: dict[str, ServiceOffering] = {}
        self.vms: dict[str, Vm] = {}
        self.groups: list[Group] = []
        self.jobs: dict[str, Job] = {}
        self.accounts: dict[str, Account] = {}
        self.projects: dict[str, Account] = {}
        self.maintenance = False
        self.can_boot_uefi = False
        self.settings = {
            "expunge.delay": "86400",
            "instance.lease.enabled": "false",
            "kvm.snapshot.enabled": "true",
        }
        self._hosts_up_at = datetime.min.replace(tzinfo=UTC)

    @property
    def hosts_connected(self) -> bool:
        """Whether hosts take commands; they do not for a while after a restart (observed, section 21)."""
        return self.now() >= self._hosts_up_at

    def disconnect_hosts(self, seconds: float) -> None:
        """Let all hosts be Disconnected for so long from now on."""
        self._hosts_up_at = self.now() + timedelta(seconds=seconds)

    def setting(self, name: str) -> bool:
        """Return a setting that is true or false."""
        return self.settings.get(name, "") == "true"

    def use_kvm(self, *, snapshots_while_running: bool = True, data_disks: int = 64) -> None:
        """Let all hosts be KVM ones: a revert works there, and UEFI boots.

        Args:
            snapshots_while_running: ``kvm.snapshot.enabled``.
            data_disks: What the hypervisor allows a VM.
        """
        self.hypervisor = KVM
        self.can_revert = self.can_boot_uefi = True
        self.max_data_disks = data_disks
        self.settings["kvm.snapshot.enabled"] = str(snapshots_while_running).lower()

    def expire_leases(self) -> list[Vm]:
        """Let every lease end now, and return the VMs: destroyed, not expunged, or stopped (section 17).

        A root that was swapped in stays on the VM, a data disk is detached and kept.
        """
        leased = [vm for vm in self.vms_existing() if vm.lease is not None]
        for vm in leased:
            action = vm.lease.action if vm.lease is not None else ""
            vm.lease, vm.host = None, None
            vm.state = VmState.DESTROYED if action == "DESTROY" else VmState.STOPPED
            if vm.state is VmState.DESTROYED:
                self.keep_data_disks(vm)
        return leased

    def keep_data_disks(self, vm: Vm) -> None:
        """Detach all disks but the root, as a destroy does."""
        for volume in self.volumes_of(vm):
            if not volume.is_root:
                volume.detach()

    def vms_existing(self) -> list[Vm]:
        """Return every VM that is not expunged, Destroyed and Error ones too, oldest first."""
        return [vm for vm in self.vms.values() if not vm.removed]

    def vms_on(self, network: Network) -> list[Vm]:
        """Return every VM with a NIC on the network, as long as it is not expunged."""
        return [vm for vm in self.vms_existing() if any(nic.network is network for nic in vm.nics)]

    def account_by_key(self, key: str) -> Account | None:
        """Return the account whose API key it is."""
        for account in self.accounts.values():
            if account.credentials is not None and account.credentials.key == key:
                return account
        return None

    def add_nic(self, vm: Vm, network: Network, *, is_default: bool, mac: str = "", ip: str = "") -> Nic:
        """Give the VM a NIC as its last one, with a free MAC and IP where none is asked for."""
        nic = Nic(
            id=self.ids.uuid(),
            network=network,
            mac=mac or free_mac(self, network),
            ip=ip or free_ip(self, network),
            is_default=is_default,
        )
        vm.nics.append(nic)
        return nic

    def place(self, vm: Vm) -> None:
        """Put the VM on a host, its volumes on storage and its networks on VLANs, as a start does.

        The host is one of the cluster that holds the root volume, if it is stored (observed, section 9).

        Raises:
            LookupError: The zone has no VLAN left.
        """
        for nic in vm.nics:
            if nic.network.vlan is None:
                nic.network.vlan = self._free_vlan(nic.network.zone)
            if nic.network.type is not NetworkType.SHARED:
                nic.network.state = NetworkState.IMPLEMENTED
        cluster = self.cluster_of(vm)
        vm.host = self.ids.choice([host for host in self.hosts if cluster in ("", host.cluster_id)])
        for volume in self.volumes_of(vm):
            if volume.pool is None:
                volume.put_on(self.any_pool(vm.host.cluster_id), self.ids.uuid())
        vm.details.pop("deployvm", None)

    def expunge(self, vm: Vm) -> None:
        """Let the VM go for good: its root volume, its tags, its NICs; data volumes are kept.

        Whatever volume is its root now goes, also one that was swapped in (observed, section 10).
        """
        for volume in self.volumes_of(vm):
            if volume.is_root:
                self.remove_volume(volume)
            else:
                volume.detach()
        self.drop_tags(vm.id)
        self.vm_snapshots = [snapshot for snapshot in self.vm_snapshots if snapshot.vm is not vm]
        vm.nics.clear()
        vm.host, vm.removed, vm.state = None, True, VmState.EXPUNGING

    def default_network_offering(self, kind: NetworkType) -> NetworkOffering:
        """Return the offering that CloudStack makes a network of this kind from by default."""
        return next(item for item in self.network_offerings.values() if item.type is kind)

    def _free_vlan(self, zone: Zone) -> int:
        used = {item.vlan for item in self.networks.values() if not item.removed}
        free = next((vlan for vlan in zone.vlans if vlan not in used), None)
        if free is None:
            raise LookupError(f"no VLAN left in {zone.name}")
        return free

    def _add_cluster(self, name: str) -> None:
        cluster_id = self.ids.uuid()
        for _ in range(2):
            host = Host(self.ids.uuid(), f"SimulatedAgent.{self.ids.uuid()}", cluster_id, name)
            self.hosts.append(host)
            self.add_pool(cluster_id, name)

    def _built_in_network_offerings(self) -> list[NetworkOffering]:
        l2 = "DefaultL2NetworkOffering"
        return [
            NetworkOffering(self.ids.uuid(), name, text, kind, specify_vlan=vlan, services=services)
            for name, text, kind, vlan, services in (
                (l2, "Offering for L2 networks", NetworkType.L2, False, ()),
                (f"{l2}Vlan", "Offering for L2 networks VLAN", NetworkType.L2, True, ()),
                (f"{l2}ConfigDrive", "Offering for L2 networks", NetworkType.L2, False, ("UserData",)),
                (
                    f"{l2}ConfigDriveVlan",
                    "Offering for L2 networks VLAN",
                    NetworkType.L2,
                    True,
                    ("UserData",),
                ),
                (
                    "DefaultIsolatedNetworkOfferingWithSourceNatService",
                    "Offering for Isolated networks with Source Nat service enabled",
                    NetworkType.ISOLATED,
                    False,
                    ISOLATED_SERVICES,
                ),
                (
                    "DefaultSharedNetworkOffering",
                    "Offering for Shared networks",
                    NetworkType.SHARED,
                    True,
                    SHARED_SERVICES,
                ),
            )
        ]
