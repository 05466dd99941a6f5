"""The stack's own database: SQLite in its folder, with the sample VMs of the simulators in it."""

import base64
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from database import CredentialCipher, Database, migrate
from embedded.seed import SampleSite, SampleVm, seed_sample
from embedded.seed_disks import SampleDisk
from simulators.cloudstack import sample as cloud
from simulators.vma import sample as vcenter


@dataclass(frozen=True)
class SampleDatabase:
    """A database that is ready for a worker.

    Attributes:
        path: The SQLite file.
        worker_settings: What the worker needs to use it; holds the key of the stored secrets.
    """

    path: Path
    worker_settings: dict[str, str] = field(repr=False)


async def make_sample_database(folder: Path, cloudstack_endpoint: str) -> SampleDatabase:
    """Make the database and write the sample rows, with the secrets encrypted as on an appliance."""
    path = folder / "failover.sqlite"
    url = f"sqlite+aiosqlite:///{path}"
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    await migrate(url)
    database = await Database.open(url)
    try:
        await seed_sample(
            database, sample_site(cloudstack_endpoint), now=datetime.now(UTC), cipher=CredentialCipher(key)
        )
    finally:
        await database.close()
    settings = {"FAILOVER_DATABASE_URL": url, "MIGRATEKIT_CRED_ENCRYPTION_KEY": key}
    return SampleDatabase(path, settings)


def sample_site(cloudstack_endpoint: str) -> SampleSite:
    """The ids of the two simulators' samples, as the sample rows need them."""
    vms = {
        vm.name: SampleVm(
            vm.id,
            [nic.mac_address for nic in vm.nics],
            cpu_count=vm.num_cpu,
            memory_mb=vm.memory_mb,
            disks=[
                SampleDisk(one.disk_id, one.volume_id, one.size_gb, one.unit_number)
                for one in cloud.REPLICAS
                if one.source_vm == vm.name
            ],
        )
        for vm in vcenter.sample_vms()
    }
    return SampleSite(
        api_url=cloudstack_endpoint,
        api_key=cloud.ADMIN.key,
        secret_key=cloud.ADMIN.secret,
        zone=cloud.ZONE_ID,
        template_id=cloud.TEMPLATE_ID,
        service_offering_id=cloud.CUSTOM_OFFERING_ID,
        default_network_id=cloud.DEFAULT_NET_ID,
        prod_lan_id=cloud.PROD_LAN_ID,
        prod_dmz_id=cloud.PROD_DMZ_ID,
        test_lan_id=cloud.TEST_LAN_ID,
        test_dmz_id=cloud.TEST_DMZ_ID,
        vcenter_host=vcenter.VCENTER_HOST,
        vcenter_username=vcenter.VCENTER_USERNAME,
        vcenter_password=vcenter.VCENTER_PASSWORD,
        datacenter=vcenter.DATACENTER,
        pgtest1=vms["pgtest1"],
        pgtest2=vms["pgtest2"],
        pgtest3=vms["pgtest3"],
        appliance_vm_id=cloud.APPLIANCE_VM_ID,
    )
