"""The simulated cloud, with helpers for tests and for the sample to put things into it."""

from datetime import datetime

from simulators.cloudstack.credentials import Credentials
from simulators.cloudstack.entities import (
    TEMPLATE_SIZE,
    Account,
    Network,
    NetworkOffering,
    NetworkState,
    NetworkType,
    Role,
    ServiceOffering,
    Template,
    Vm,
    VmState,
    Zone,
)
from simulators.cloudstack.state import State
from simulators.cloudstack.storage import GIB, StoragePool, Volume


class World(State):
    """A cloud with one zone, two accounts (``admin`` and ``plain``), and what is added to it.

    Args:
        admin: Key pair of the root admin.
        plain: Key pair of an ordinary user.
        seed: The same seed and the same calls give the same ids.
        zone_id: A new uuid if empty.
        zone_name: The zone's name.
        domain_id: The root domain's uuid; a new one if empty.
    """

    def __init__(  # noqa: PLR0913 (each is a setting of its own, by keyword only)
        self,
        *,
        admin: Credentials,
        plain: Credentials,
        seed: int = 1,
        zone_id: str = "",
        zone_name: str = "Sandbox-simulator",
        domain_id: str = "",
    ) -> None:
        super().__init__(seed=seed, zone_id=zone_id, zone_name=zone_name, domain_id=domain_id)
        self.admin = self.add_account("admin", admin, role=Role.ROOT_ADMIN)
        self.plain = self.add_account("plain", plain)

    def add_account(self, name: str, credentials: Credentials, *, role: Role = Role.USER) -> Account:
        """Add an account with one user."""
        account = Account(self.ids.uuid(), name, role, self.ids.uuid(), credentials)
        self.accounts[name] = account
        return account

    def add_project(self, name: str, *, members: tuple[str, ...] = (), project_id: str = "") -> Account:
        """Add a project; its members may act for it with ``projectid``."""
        project = Account(
            self.ids.uuid(), name, Role.USER, "", project=project_id or self.ids.uuid(), members=members
        )
        self.projects[project.project] = project
        return project

    def add_network(  # noqa: PLR0913 (each is a setting of its own, by keyword only)
        self,
        name: str,
        kind: NetworkType = NetworkType.L2,
        *,
        network_id: str = "",
        subnet: str = "",
        account: Account | None = None,
        offering: NetworkOffering | None = None,
        zone: Zone | None = None,
    ) -> Network:
        """Add a network, as if somebody had made it before.

        Args:
            name: Its name, which need not be unique.
            kind: Isolated and Shared ones have the UserData service, L2 has none.
            network_id: Its uuid; a new one if empty.
            subnet: The first three octets of its addresses, ``10.1.1`` if empty; L2 has none.
            account: Its owner, the admin if None; a Shared network always belongs to the whole domain.
            offering: What it is made from; the default one of its kind if None.
            zone: The world's first zone if None.
        """
        is_l2 = kind is NetworkType.L2
        prefix = "" if is_l2 else subnet or "10.1.1"
        number = self.ids.number()
        network = Network(
            id=network_id or self.ids.uuid(),
            number=number,
            name=name,
            display_text=name,
            type=kind,
            zone=zone or self.zone,
            offering=offering or self.default_network_offering(kind),
            account=None if kind is NetworkType.SHARED else account or self.admin,
            created=self.now(),
            gateway="" if is_l2 else f"{prefix}.1",
            netmask="" if is_l2 else "255.255.255.0",
            start_ip="" if is_l2 else f"{prefix}.10",
            end_ip="" if is_l2 else f"{prefix}.250",
            domain=f"cs{number}cloud.internal" if kind is NetworkType.ISOLATED else None,
            state=NetworkState.SETUP if kind is NetworkType.SHARED else NetworkState.ALLOCATED,
            vlan=500 + number if kind is NetworkType.SHARED else None,
        )
        self.networks[network.id] = network
        return network

    def add_zone(self, name: str, *, zone_id: str = "") -> Zone:
        """Add a zone, for networks that are in the wrong one."""
        zone = Zone(zone_id or self.ids.uuid(), name, vlans=range(300, 401))
        self.zones[zone.id] = zone
        return zone

    def add_template(
        self,
        name: str,
        *,
        template_id: str = "",
        password_enabled: bool = False,
        size: int = TEMPLATE_SIZE,
        created: datetime | None = None,
    ) -> Template:
        """Add a template that everybody may use; ``size`` in bytes."""
        template = Template(
            template_id or self.ids.uuid(), name, created or self.now(), size, password_enabled
        )
        self.templates[template.id] = template
        return template

    def add_offering(
        self,
        name: str,
        *,
        offering_id: str = "",
        created: datetime | None = None,
        **size: int,
    ) -> ServiceOffering:
        """Add a compute offering; without ``cpu_number`` and ``memory`` it is a custom one.

        Args:
            name: Its name.
            offering_id: Its uuid; a new one if empty.
            created: Now if None.
            size: ``cpu_number``, ``cpu_speed`` (MHz), ``memory`` (MB), and the bounds
                ``min_cpu_number``, ``max_cpu_number``, ``min_memory``, ``max_memory``.
        """
        offering = ServiceOffering(offering_id or self.ids.uuid(), name, created or self.now(), **size)
        self.offerings[offering.id] = offering
        return offering

    def add_vm(  # noqa: PLR0913 (each is a setting of its own, by keyword only)
        self,
        name: str,
        networks: list[Network],
        *,
        vm_id: str = "",
        account: Account | None = None,
        state: VmState = VmState.STOPPED,
        details: dict[str, str] | None = None,
    ) -> Vm:
        """Add a VM, as if somebody had deployed it before: one NIC for each network."""
        template = next(iter(self.templates.values()))
        offering = next(item for item in self.offerings.values() if not item.is_customized)
        vm = Vm(
            id=vm_id or self.ids.uuid(),
            number=self.ids.number(),
            name=name,
            display_name=name,
            account=account or self.admin,
            zone=self.zone,
            template=template,
            offering=offering,
            cpu_number=offering.cpu_number or 1,
            cpu_speed=offering.cpu_speed or 500,
            memory=offering.memory or 512,
            created=self.now(),
            updated=self.now(),
            state=state,
            details=dict(details or {}),
        )
        for position, network in enumerate(networks):
            self.add_nic(vm, network, is_default=position == 0)
        self.vms[vm.id] = vm
        self.add_root_volume(vm, template.size)
        if state is VmState.RUNNING:
            self.place(vm)
        return vm

    def add_disk(  # noqa: PLR0913 (each is a setting of its own, by keyword only)
        self,
        name: str,
        *,
        vm: Vm | None = None,
        device_id: int | None = None,
        size: int = 5 * GIB,
        volume_id: str = "",
        account: Account | None = None,
        pool: StoragePool | None = None,
        content: str = "",
    ) -> Volume:
        """Add a disk that is stored already, such as a replicated one.

        Args:
            name: Its name, which need not be unique.
            vm: The VM that has it; None for a disk that is at no VM.
            device_id: Its place there, 0 for the root; the next free one if None.
            size: Bytes.
            volume_id: Its uuid; a new one if empty.
            account: Its owner: the VM's, else the admin, if None.
            pool: Where it is stored: in the VM's cluster, if None, or anywhere.
            content: What is written on it, see :class:`Volume`.
        """
        owner = account or (self.admin if vm is None else vm.account)
        home = pool or self.any_pool("" if vm is None else self.cluster_of(vm))
        volume = self.add_volume(
            name, account=owner, zone=self.zone, size=size, volume_id=volume_id, pool=home, content=content
        )
        if vm is not None:
            place = self.free_device_id(vm) if device_id is None else device_id
            if place is None:
                raise ValueError(f"{vm.name} has no place for {name}")
            volume.attach(vm, place)
        return volume
