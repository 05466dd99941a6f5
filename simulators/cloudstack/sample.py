"""The sample cloud: fixed ids, so that sample mapping rows and a demo can name them.

Two production networks, their two test twins, the default network of the CloudStack configuration and a
default test network. The keys are as public as this file.

:func:`add_replicas` gives it the appliance, with the replicated disks of the sample VMs attached to it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from simulators.cloudstack.credentials import Credentials
from simulators.cloudstack.entities import NetworkType, Vm, VmState
from simulators.cloudstack.storage import GIB
from simulators.cloudstack.world import World

ADMIN = Credentials(key="simulator-admin-key", secret="simulator-admin-secret")  # noqa: S106 (a made-up one)
PLAIN = Credentials(key="simulator-plain-key", secret="simulator-plain-secret")  # noqa: S106 (a made-up one)

ADMIN_ACCOUNT = "admin"
PLAIN_ACCOUNT = "plain"
DOMAIN_ID = "9d79b1a3-7f31-401c-911a-6706fb40d6bd"
ZONE_ID = "57526846-903b-413e-9e56-2439e9c1b823"
ZONE_NAME = "Sandbox-simulator"

PROD_LAN_ID = "a96089bc-a71f-4d1a-ad2d-3cadb3669cbd"
PROD_LAN_NAME = "prod-lan"
PROD_DMZ_ID = "50e165e4-3424-4d8b-829f-411669842a97"
PROD_DMZ_NAME = "prod-dmz"
TEST_LAN_ID = "9911036c-f3e8-4208-aeca-a0075a69fc17"
TEST_LAN_NAME = "test-lan"
TEST_DMZ_ID = "8ba8f837-18aa-4f3b-91f6-5e8144e61d9a"
TEST_DMZ_NAME = "test-dmz"
DEFAULT_NET_ID = "b30fcb06-a6c1-4d8f-a906-e732b10f4db7"
DEFAULT_NET_NAME = "default-net"
DEFAULT_TEST_NET_ID = "89d35ea6-8c08-4ab3-b648-818ba4a6656b"
DEFAULT_TEST_NET_NAME = "default-test-net"

TEMPLATE_ID = "e0cb6e38-2a5d-4f72-ac1d-da9690813747"
TEMPLATE_NAME = "failover-base"
PASSWORD_TEMPLATE_ID = "8bd536cf-4b77-4ade-9fe7-a9010b3341c2"  # noqa: S105 (the id of a template)
CUSTOM_OFFERING_ID = "bd2b4ace-c46e-4f28-ba43-b9b21175306c"
CONSTRAINED_OFFERING_ID = "76a81a57-8993-4247-b081-cd277bcd1e37"
SMALL_OFFERING_ID = "63ea0bf5-ee59-44c3-b90f-2b56ed732a1a"
MEDIUM_OFFERING_ID = "1131be17-7dea-4261-9767-c2188e12e65b"
SMALL_DISK_OFFERING_ID = "7be58cf5-44b0-4d27-8d2a-e7a1cf9dc38b"
CUSTOM_DISK_OFFERING_ID = "d53f9a5f-b0a0-44cb-ae9c-2bd8a5d2ad21"

APPLIANCE_VM_ID = "5b6f0c0e-52a5-4b1d-9d0e-7a1f3f3f0c11"
APPLIANCE_NAME = "replication-appliance"


@dataclass(frozen=True)
class Replica:
    """A replicated disk; ``unit_number`` is the source disk's place on its controller."""

    source_vm: str
    disk_id: str
    volume_id: str
    size_gb: int
    unit_number: int


REPLICAS = (
    Replica("pgtest1", "disk-2000", "0d1f6a52-0a52-4c4b-8a4c-1d1c7a1e1001", 40, 0),
    Replica("pgtest1", "disk-2001", "0d1f6a52-0a52-4c4b-8a4c-1d1c7a1e1002", 10, 1),
    Replica("pgtest2", "disk-2000", "0d1f6a52-0a52-4c4b-8a4c-1d1c7a1e2001", 20, 0),
    Replica("pgtest3", "disk-2000", "0d1f6a52-0a52-4c4b-8a4c-1d1c7a1e3001", 60, 0),
    Replica("pgtest3", "disk-2001", "0d1f6a52-0a52-4c4b-8a4c-1d1c7a1e3002", 20, 1),
    Replica("pgtest3", "disk-2002", "0d1f6a52-0a52-4c4b-8a4c-1d1c7a1e3003", 20, 2),
)

_SET_UP = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)


def sample_world(*, admin: Credentials = ADMIN, plain: Credentials = PLAIN, seed: int = 1) -> World:
    """Return a cloud of its own with the sample networks, offerings and templates, and no VM."""
    world = World(
        admin=admin, plain=plain, seed=seed, zone_id=ZONE_ID, zone_name=ZONE_NAME, domain_id=DOMAIN_ID
    )
    shared, isolated, l2 = NetworkType.SHARED, NetworkType.ISOLATED, NetworkType.L2
    for network_id, name, kind, subnet in (
        (PROD_LAN_ID, PROD_LAN_NAME, shared, "10.10.0"),
        (PROD_DMZ_ID, PROD_DMZ_NAME, l2, ""),
        (TEST_LAN_ID, TEST_LAN_NAME, isolated, "10.20.0"),
        (TEST_DMZ_ID, TEST_DMZ_NAME, l2, ""),
        (DEFAULT_NET_ID, DEFAULT_NET_NAME, shared, "10.30.0"),
        (DEFAULT_TEST_NET_ID, DEFAULT_TEST_NET_NAME, isolated, "10.40.0"),
    ):
        world.add_network(name, kind, network_id=network_id, subnet=subnet)
    world.add_disk_offering("Small", 5, offering_id=SMALL_DISK_OFFERING_ID, created=_SET_UP)
    world.add_disk_offering("Custom", offering_id=CUSTOM_DISK_OFFERING_ID, created=_SET_UP)
    world.add_template(TEMPLATE_NAME, template_id=TEMPLATE_ID, created=_SET_UP)
    world.add_template(
        "with-password", template_id=PASSWORD_TEMPLATE_ID, password_enabled=True, created=_SET_UP
    )
    world.add_offering("Custom Instance", offering_id=CUSTOM_OFFERING_ID, created=_SET_UP)
    world.add_offering(
        "Constrained Instance", offering_id=CONSTRAINED_OFFERING_ID, created=_SET_UP,
        cpu_speed=1000, min_cpu_number=1, max_cpu_number=4, min_memory=256, max_memory=8192,
    )  # fmt: skip
    for offering_id, name, speed, memory in (
        (SMALL_OFFERING_ID, "Small Instance", 500, 512),
        (MEDIUM_OFFERING_ID, "Medium Instance", 1000, 1024),
    ):
        world.add_offering(
            name, offering_id=offering_id, created=_SET_UP, cpu_number=1, cpu_speed=speed, memory=memory
        )
    return world


def add_replicas(world: World, replicas: tuple[Replica, ...] = REPLICAS) -> Vm:
    """Add the appliance, running on KVM hosts, with the replicated disks attached; return it.

    The content of each disk says which one it is.
    """
    world.use_kvm()
    lan = world.networks[DEFAULT_NET_ID]
    appliance = world.add_vm(APPLIANCE_NAME, [lan], vm_id=APPLIANCE_VM_ID, state=VmState.RUNNING)
    for replica in replicas:
        world.add_disk(
            f"replica-{replica.source_vm}-{replica.disk_id}",
            vm=appliance,
            size=replica.size_gb * GIB,
            volume_id=replica.volume_id,
            content=f"{replica.source_vm} {replica.disk_id}",
        )
    return appliance
