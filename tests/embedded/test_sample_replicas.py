"""The replicated disks of the sample VMs: what the database names is what the simulated cloud has."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client

from database import Database, DestinationConfigRepository, ReplicationRepository, SchemaGeneration
from database.contexts import ContextRepository
from embedded.sample_database import make_sample_database
from embedded.seed import PGTEST1_CONTEXT, PGTEST2_CONTEXT, PGTEST3_CONTEXT
from rules.disks import Firmware, GuestFamily
from simulators.cloudstack import sample as cloud
from simulators.cloudstack import sample_world
from simulators.cloudstack.entities import VmState
from tests.support.replicas import Replicas, seed_replicas
from tests.support.schemas import create_field_schema
from tests.support.site import Site, open_site

ENDPOINT = "http://127.0.0.1:8080/client/api"


@pytest.mark.parametrize(
    ("context_id", "disks"), ((PGTEST1_CONTEXT, 2), (PGTEST2_CONTEXT, 1), (PGTEST3_CONTEXT, 3))
)
async def test_every_sample_vm_has_its_disks_at_the_appliance(
    tmp_path: Path, context_id: str, disks: int
) -> None:
    world = sample_world()
    appliance = cloud.add_replicas(world)
    made = await make_sample_database(tmp_path, ENDPOINT)
    database = await Database.open(made.worker_settings["FAILOVER_DATABASE_URL"])
    try:
        context = await ContextRepository(database).get(context_id)
        assert context is not None
        config = await DestinationConfigRepository(database).for_context(context)
        found = await ReplicationRepository(database).facts(context_id, config.config_id)
    finally:
        await database.close()

    assert found.appliance_vm_id == appliance.id
    assert appliance.state is VmState.RUNNING
    assert len(found.disks) == disks
    assert [disk.unit_number for disk in found.disks] == list(range(disks))
    for disk in found.disks:
        volume = world.volumes[disk.volume_id]
        assert volume.vm is appliance
        assert volume.size == disk.size_gb * 1024**3
    assert len({disk.sync for disk in found.disks}) == 1
    assert found.disks[0].sync is not None
    assert (found.torn_by, found.dirty_by, found.running) == ("", "", None)
    assert (found.scheduler_enabled, found.firmware, found.guest) == (True, Firmware.BIOS, GuestFamily.LINUX)


@pytest_asyncio.fixture(loop_scope="session")
async def quiet_site(temporal_client: Client, tmp_path: Path) -> AsyncIterator[Site]:
    """A site without a worker."""
    async with open_site(temporal_client, f"sqlite+aiosqlite:///{tmp_path / 'site.db'}") as made:
        yield made


async def test_replicas_of_a_test_are_known_to_the_product(quiet_site: Site) -> None:
    replicas = await seed_replicas(quiet_site)

    found = await replicas.facts()

    assert tuple(disk.volume_id for disk in found.disks) == replicas.volume_ids
    assert found.appliance_vm_id == replicas.appliance.id
    assert found.scheduler_enabled is True
    assert {disk.sync.job_id for disk in found.disks if disk.sync} == {"job-seeded-pgtest1"}
    assert replicas.at_home
    assert replicas.places["disk-2000"][0] == replicas.appliance.id


@pytest.mark.parametrize(
    ("knobs", "expected"),
    (
        ({"windows": True}, {"guest": GuestFamily.WINDOWS}),
        ({"firmware": "efi"}, {"firmware": Firmware.UEFI}),
        ({"firmware": ""}, {"firmware": Firmware.UNKNOWN}),
        ({"torn": True}, {"torn_by": "job-torn-pgtest1"}),
        ({"scheduler": False}, {"scheduler_enabled": False}),
    ),
)
async def test_replicas_may_be_less_fortunate(
    quiet_site: Site, knobs: dict[str, Any], expected: dict[str, object]
) -> None:
    found = await (await seed_replicas(quiet_site, **knobs)).facts()

    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize("disks", (1, 4, 8))
async def test_replicas_may_be_few_or_many(quiet_site: Site, disks: int) -> None:
    replicas = await seed_replicas(quiet_site, disks=disks)

    found = await replicas.facts()

    assert tuple(disk.volume_id for disk in found.disks) == replicas.volume_ids
    assert len(set(replicas.volume_ids)) == disks
    assert replicas.at_home


async def test_a_volume_may_be_missing_here_or_there(quiet_site: Site) -> None:
    replicas = await seed_replicas(quiet_site, without_volume=True)

    assert [bool(disk.volume_id) for disk in (await replicas.facts()).disks] == [True, False]
    assert replicas.volumes[-1].removed


async def test_a_sync_of_a_test_is_seen(quiet_site: Site) -> None:
    replicas: Replicas = await seed_replicas(quiet_site)

    await replicas.sync("job-final", "replicating")
    running = (await replicas.facts()).running
    await replicas.sync("job-final")
    found = await replicas.facts()

    assert running is not None
    assert running.job_id == "job-final"
    assert found.running is None
    assert {disk.sync.job_id for disk in found.disks if disk.sync} == {"job-final"}
    assert set((await replicas.change_ids()).values()) == {"change-of-disk-2000", "change-of-disk-2001"}
    assert (await replicas.state()).fenced_by == ""
    assert (await replicas.context())["last_successful_job_id"] == "job-final"


@pytest.mark.parametrize("generation", tuple(SchemaGeneration), ids=str)
async def test_replicas_fit_both_generations(
    temporal_client: Client, tmp_path: Path, generation: SchemaGeneration
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'field.db'}"
    await create_field_schema(url, generation)
    async with open_site(temporal_client, url) as site:
        replicas = await seed_replicas(site, context_id=PGTEST3_CONTEXT, disks=3, torn=True)

        found = await replicas.facts()

    assert tuple(disk.volume_id for disk in found.disks) == replicas.volume_ids
    assert found.torn_by == "job-torn-pgtest3"
