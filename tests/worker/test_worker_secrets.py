"""A whole life of a worker process on an appliance's database: no secret leaves it, whatever it writes."""

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sqlalchemy import make_url, update
from temporalio.client import Client

from activities.search_attributes import register_search_attributes
from database import CredentialCipher, Database
from database.tables import ossea_configs, vmware_credentials
from simulators.cloudstack import Fault, FaultKind
from simulators.cloudstack import sample as cloud
from simulators.vma import sample as vcenter
from tests.support.site import LIVE, TEST, Site, failed, open_site
from tests.support.worker_process import environment_of, worker_process
from workflows.surface import SEARCH_ATTRIBUTES

_PATIENCE = 60
_KEY = base64.b64encode(b"made up for this test, 32 bytes!").decode()
_FROM_THE_DATABASE = ("CLOUDSTACK_ENDPOINT", "CLOUDSTACK_KEY", "CLOUDSTACK_SECRET")


async def _encrypt(site: Site) -> None:
    """Store the secrets as an appliance does, and let the guest have a password."""
    cipher = CredentialCipher(_KEY)
    database = await Database.open(site.url, pool_size=1)
    try:
        async with database.write() as connection:
            await connection.execute(
                update(ossea_configs).values(
                    api_key=cipher.encrypt(cloud.ADMIN.key),
                    secret_key=cipher.encrypt(cloud.ADMIN.secret),
                    template_id=cloud.PASSWORD_TEMPLATE_ID,
                )
            )
            await connection.execute(
                update(vmware_credentials).values(password_encrypted=cipher.encrypt(vcenter.VCENTER_PASSWORD))
            )
    finally:
        await database.close()


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Every text in it; payloads are decoded."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield name
            if name == "data" and isinstance(one, str):
                yield base64.b64decode(one).decode("utf-8", errors="replace")
            else:
                yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    else:
        yield str(value)


async def _kept_by_temporal(client: Client, workflow_id: str) -> str:
    handle = client.get_workflow_handle(workflow_id)
    description = await handle.describe()
    history = json.loads((await handle.fetch_history()).to_json())
    return "\n".join((*_texts(history), str(description.raw_description), str(await description.memo())))


def _password_of(site: Site) -> str:
    """The result of the first start holds it in plain text (observed, section 20)."""
    results = (job.result for job in site.cloud.world.jobs.values() if job.result)
    found = [
        vm["password"]
        for one in results
        if isinstance(vm := one.get("virtualmachine"), dict) and "password" in vm
    ]
    return str(found[0])


async def test_no_secret_is_in_a_history_a_log_line_or_a_list(
    temporal_client: Client, tmp_path: Path, mariadb_url: str
) -> None:
    await register_search_attributes(temporal_client, SEARCH_ATTRIBUTES)
    async with open_site(temporal_client, mariadb_url) as site:
        await _encrypt(site)
        for name in _FROM_THE_DATABASE:
            del site.settings[name]
        settings = environment_of(site, MIGRATEKIT_CRED_ENCRYPTION_KEY=_KEY)
        async with worker_process(tmp_path, settings) as worker:
            await worker.work()
            # Each says something of a system that it cannot reach, or that says no.
            site.cloud.faults.add(Fault("listZones", FaultKind.LOST_BEFORE_EFFECT, times=5))
            live = await site.start(LIVE)
            result = await asyncio.wait_for(live.result(), _PATIENCE)
            await site.vma.stop()
            site.cloud.faults.add(Fault("startVirtualMachine", FaultKind.JOB_FAILS, code=431))
            test = await site.start(TEST)
            await failed(test)
        (vm,) = site.running()
        assert result.vm.id == vm.id
        password = _password_of(site)
        database_password = unquote(str(make_url(mariadb_url).password))
        told = "\n".join([await _kept_by_temporal(temporal_client, one.id) for one in (live, test)])
    assert "worker_started" in worker.output
    assert "network_decision" in worker.output
    assert vm.id in told
    for secret in (
        cloud.ADMIN.secret,
        cloud.ADMIN.key,
        vcenter.VCENTER_PASSWORD,
        database_password,
        _KEY,
        password,
    ):
        assert secret
        assert secret not in told
        assert secret not in worker.output
