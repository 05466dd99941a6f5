"""How a worker starts, and how it does not: one clear message for each thing that is wrong."""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from embedded.ports import free_ports
from tests.support.mariadb import MariaDBServer
from tests.support.worker_process import worker_process
from workflows.surface import SEARCH_ATTRIBUTES

_MARK = "never-shown-zq9"
_NAMES = {key.name for key in SEARCH_ATTRIBUTES}
_NO_TEMPORAL = "127.0.0.1:1"


def _settings(folder: Path, address: str = _NO_TEMPORAL, **changes: str) -> dict[str, str]:
    """Settings of which a test makes one wrong; an empty value is none."""
    good = {
        "FAILOVER_DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'worker.db'}",
        "CLOUDSTACK_ENDPOINT": "http://127.0.0.1:1/client/api",
        "CLOUDSTACK_KEY": f"key-{_MARK}",
        "CLOUDSTACK_SECRET": f"secret-{_MARK}",
        "VMA_URL": "http://127.0.0.1:1",
        "VMA_VCENTER_USERNAME": "somebody",
        "VMA_VCENTER_PASSWORD": f"password-{_MARK}",
        "TEMPORAL_ADDRESS": address,
    }
    return {name: value for name, value in (good | changes).items() if value}


@pytest.fixture
def address(temporal_client: Client) -> str:
    """Where the session's Temporal server listens."""
    return temporal_client.service_client.config.target_host


async def _refused(folder: Path, settings: Mapping[str, str]) -> list[str]:
    """Start a worker that cannot start, and return its last words."""
    async with worker_process(folder, settings) as worker:
        await worker.start()
        code = await worker.end()
    assert code == 2, worker.output
    assert "Traceback" not in worker.output
    assert _MARK not in worker.output
    headline, *lines = worker.output.splitlines()
    assert headline.startswith("The worker cannot start")
    return [line.strip() for line in lines]


# What each setting takes is in tests/settings; here are those of each kind, met by a process.
_WRONG: tuple[tuple[dict[str, str], str], ...] = (
    ({"FAILOVER_DATABASE_URL": ""}, "FAILOVER_DATABASE_URL: "),
    ({"FAILOVER_DATABASE_URL": f"postgresql://u:{_MARK}@h/d"}, "FAILOVER_DATABASE_URL: must begin with "),
    ({"FAILOVER_HEARTBEAT_SECONDS": _MARK}, "FAILOVER_HEARTBEAT_SECONDS: "),
    ({"CLOUDSTACK_SECRET": ""}, "CLOUDSTACK_SECRET: missing"),
    ({"TEMPORAL_PROFILE": _MARK}, "Temporal's settings cannot be used"),
    ({"TEMPORAL_TLS_CLIENT_CERT_PATH": f"/nowhere/{_MARK}"}, "Temporal's settings cannot be used"),
    ({"TEMPORAL_ADDRESS": "not an address"}, "Temporal's settings cannot be used"),
    ({"TEMPORAL_API_KEY": _MARK}, f"No Temporal server answers at {_NO_TEMPORAL}"),
)


@pytest.mark.parametrize(
    ("wrong", "said"), _WRONG, ids=[f"{number}-{next(iter(one[0]))}" for number, one in enumerate(_WRONG)]
)
async def test_a_wrong_setting_is_one_line_that_names_it_and_not_its_value(
    tmp_path: Path, wrong: dict[str, str], said: str
) -> None:
    (line,) = await _refused(tmp_path, _settings(tmp_path, **wrong))
    assert line.startswith(said)


async def test_every_wrong_setting_has_a_line_of_its_own(tmp_path: Path) -> None:
    lines = await _refused(
        tmp_path, _settings(tmp_path, FAILOVER_MAX_ACTIVITIES="0", FAILOVER_LIVE_MAC="x", VMA_URL="x")
    )
    assert sorted(line.split(":")[0] for line in lines) == [
        "FAILOVER_LIVE_MAC",
        "FAILOVER_MAX_ACTIVITIES",
        "VMA_URL",
    ]


async def test_a_credential_key_that_is_none_is_named(tmp_path: Path, address: str) -> None:
    (line,) = await _refused(tmp_path, _settings(tmp_path, address, MIGRATEKIT_CRED_ENCRYPTION_KEY=_MARK))
    assert "MIGRATEKIT_CRED_ENCRYPTION_KEY" in line


async def test_a_database_that_does_not_answer_is_named(tmp_path: Path, address: str) -> None:
    (port,) = free_ports(1)
    url = f"mysql+asyncmy://user:{_MARK}@127.0.0.1:{port}/failover"
    (line,) = await _refused(tmp_path, _settings(tmp_path, address, FAILOVER_DATABASE_URL=url))
    assert f"127.0.0.1:{port}/failover" in line


async def test_a_database_password_that_is_wrong_is_said(
    tmp_path: Path, address: str, mariadb_url: str
) -> None:
    url = re.sub(r"//([^:]+):[^@]+@", rf"//\1:{_MARK}@", mariadb_url)
    (line,) = await _refused(tmp_path, _settings(tmp_path, address, FAILOVER_DATABASE_URL=url))
    assert "1045" in line


async def test_a_pool_that_the_server_does_not_allow_is_refused(
    tmp_path: Path, address: str, mariadb_url: str, mariadb_server: MariaDBServer
) -> None:
    allowed = int(mariadb_server.sql("SELECT @@max_connections"))
    settings = _settings(
        tmp_path,
        address,
        FAILOVER_DATABASE_URL=mariadb_url,
        FAILOVER_DATABASE_POOL_SIZE=str(allowed + 1),
    )
    (line,) = await _refused(tmp_path, settings)
    assert f"max_connections is {allowed}" in line
    assert f"pool of {allowed + 1}" in line


async def test_a_namespace_that_does_not_exist_is_named_with_the_command_that_makes_it(
    tmp_path: Path, address: str
) -> None:
    lines = await _refused(tmp_path, _settings(tmp_path, address, TEMPORAL_NAMESPACE="nobody-made-it"))
    assert lines == [
        "Temporal has no namespace nobody-made-it: set TEMPORAL_NAMESPACE, or run",
        "temporal operator namespace create --namespace nobody-made-it",
    ]


@pytest_asyncio.fixture(loop_scope="session")
async def new_namespace(temporal_client: Client) -> str:
    """A namespace that knows no search attribute of ours."""
    name = f"worker-start-{os.urandom(4).hex()}"
    retention = Duration()
    retention.FromTimedelta(timedelta(days=1))
    await temporal_client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=retention)
    )
    return name


async def _attributes(client: Client, namespace: str) -> set[str]:
    known = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=namespace)
    )
    return set(known.custom_attributes)


async def test_search_attributes_that_the_namespace_lacks_are_registered(
    temporal_client: Client, tmp_path: Path, address: str, new_namespace: str
) -> None:
    settings = _settings(tmp_path, address, TEMPORAL_NAMESPACE=new_namespace)
    async with worker_process(tmp_path, settings) as worker:
        await worker.work()
        assert await _attributes(temporal_client, new_namespace) >= _NAMES


async def test_a_worker_that_may_not_register_them_prints_the_exact_commands(
    temporal_client: Client, tmp_path: Path, address: str, new_namespace: str
) -> None:
    # A namespace has ten places for keywords (measured); all of them are taken here.
    slots = {f"Taken{number}": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD for number in range(10)}
    await temporal_client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace=new_namespace, search_attributes=slots)
    )
    _, *commands = await _refused(tmp_path, _settings(tmp_path, address, TEMPORAL_NAMESPACE=new_namespace))
    create = f"temporal operator search-attribute create --namespace {new_namespace}"
    assert commands == [f"{create} --name {key.name} --type Keyword" for key in SEARCH_ATTRIBUTES]
