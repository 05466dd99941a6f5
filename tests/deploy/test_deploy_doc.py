"""``docs/deploy.md`` against the compose file, the settings, the tables and a real MariaDB."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from api.settings import ApiSettings
from client import TASK_QUEUE
from database import (
    ContextRepository,
    Database,
    DatabaseError,
    Ending,
    LeaseRepository,
    NetworkMappingRepository,
    ReplicaRepository,
    ReplicationRepository,
    RunRepository,
    RunStart,
    RunState,
    SchemaGeneration,
    migrate,
    own_tables,
    tables,
)
from database.migrations import ORIGIN_TABLE, VERSION_TABLE
from embedded.environment import PROJECT_ROOT
from settings import ENV_FILE_SETTING, WorkerSettings
from settings.conversion import ConversionSettings
from tests.support.compose import COMPOSE_FILE, ENV_EXAMPLE, variables_of
from tests.support.field_rows import add_context, add_rows
from tests.support.mariadb import MariaDBServer
from tests.support.schemas import create_field_schema

DOC = (PROJECT_ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
NOW = datetime(2025, 9, 24, 12, 30, tzinfo=UTC)
USER = "failover_of_the_doc"
PASSWORD = "made-up-password-of-the-doc"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", DOC, re.MULTILINE | re.DOTALL)


def _grants() -> str:
    (sql,) = _blocks("sql")
    return sql


@pytest.fixture
def doc_urls(mariadb_server: MariaDBServer, mariadb_url: str) -> Iterator[tuple[str, str]]:
    """The URL of the appliance's user, and that of the document's, whose grants are still to be given."""
    url = make_url(mariadb_url).set(username=USER, password=PASSWORD)
    yield mariadb_url, url.render_as_string(hide_password=False)
    mariadb_server.sql(f"DROP USER IF EXISTS '{USER}'@'127.0.0.1'")


def _give(server: MariaDBServer, database: str, *, without: str = "") -> None:
    """Give the document's grants on a test's database."""
    sql = _grants().replace("migratekit_oma", database).replace("'PASSWORD'", f"'{PASSWORD}'")
    lines = [line for line in sql.replace("'failover'@", f"'{USER}'@").splitlines() if line]
    server.sql("\n".join(lines))
    if without:
        server.sql(f"REVOKE {without} FROM '{USER}'@'127.0.0.1'")


async def test_the_grants_of_the_document_are_enough_for_everything_that_is_written(
    mariadb_server: MariaDBServer, doc_urls: tuple[str, str]
) -> None:
    owner_url, url = doc_urls
    name = str(make_url(url).database)
    await create_field_schema(owner_url, SchemaGeneration.APPLIANCE)
    _give(mariadb_server, name)

    await migrate(url)
    await migrate(url)
    owner = await Database.open(owner_url)
    await add_context(owner, "ctx-a")
    mapping = {
        "vm_context_id": "ctx-a",
        "vm_id": "uuid",
        "source_network_name": "VM Network",
        "destination_network_id": "net-1",
        "destination_network_name": "prod-lan",
        "is_test_network": 0,
    }
    keys = await add_rows(owner, tables.network_mappings, mapping)
    await owner.close()

    database = await Database.open(url)
    try:
        runs, leases = RunRepository(database), LeaseRepository(database)
        await runs.begin(RunStart("wf", "run-1", "ctx-a", "vm", "uuid", "live", NOW))
        await runs.plan("wf", [], networks=["net-1"], nic_source="vma", at=NOW)
        await runs.plan("wf", [], networks=["net-2"], nic_source="vma", at=NOW)
        await runs.set_state("wf", RunState.VM_CREATED, at=NOW, vm_id="vm-1")
        for _ in range(2):
            granted = await leases.acquire(
                resource="r", owner="wf", context_id="ctx-a", failover_type="live", now=NOW
            )
            assert granted.granted
        await leases.release("wf")
        await NetworkMappingRepository(database).update_validation_status(keys, "validated", NOW)
        assert await ContextRepository(database).record_operation("ctx-a", {"status": "completed"}, at=NOW)
        replicas = ReplicaRepository(database)
        assert await replicas.fence("ctx-a", "wf", now=NOW)
        for dirty in (True, False):
            await replicas.mark("ctx-a", "wf", dirty=dirty, now=NOW)
        await replicas.clear_change_ids("ctx-a", ["disk-2000"], now=NOW)
        for gone in (False, True):
            await replicas.record_snapshots({"volume-1": "snapshot-1"}, gone=gone, now=NOW)
        assert await replicas.release("ctx-a", "wf", now=NOW)
        await ReplicationRepository(database).facts("ctx-a", 1)
        await runs.finish("wf", RunState.COMPLETED, finished_at=NOW, result_json="{}", lease_to="wf-commit")
        await ContextRepository(database).record_operation("ctx-a", {}, status="failed_over_live", at=NOW)
        await runs.source_returned("wf", "on", at=NOW)
        await runs.end("wf", Ending.COMMITTED, ended_at=NOW, report={})
        async with database.read() as connection:
            for table in tables.metadata.sorted_tables:
                await connection.execute(database.features.select(table))
    finally:
        await database.close()


@pytest.mark.parametrize(
    "right",
    (
        "CREATE ON {db}.failover_runs",
        "ALTER ON {db}.failover_runs",
        "INDEX ON {db}.failover_leases",
        "SELECT ON {db}.vmware_credentials",
    ),
)
async def test_a_grant_that_is_left_out_is_noticed_at_the_first_start(
    right: str, mariadb_server: MariaDBServer, doc_urls: tuple[str, str]
) -> None:
    owner_url, url = doc_urls
    name = str(make_url(url).database)
    await create_field_schema(owner_url, SchemaGeneration.APPLIANCE)
    _give(mariadb_server, name, without=right.format(db=name))

    with pytest.raises(DatabaseError):
        await migrate(url)


def test_the_grants_name_every_table_that_is_used_and_alter_none_of_the_originals() -> None:
    granted = {
        table: rights
        for rights, table in re.findall(r"^GRANT (.+) ON migratekit_oma\.(\w+) TO", _grants(), re.MULTILINE)
    }
    ours = {*own_tables.metadata.tables, VERSION_TABLE, ORIGIN_TABLE}

    assert set(granted) == {*tables.metadata.tables} | ours
    for table, rights in granted.items():
        assert ("CREATE" in rights) is (table in ours)
        assert ("DELETE" in rights) is (table in ours)
        assert table in ours or "ALTER" not in rights
        assert "DROP" not in rights


def test_every_compose_command_of_the_document_names_services_that_exist(written: dict[str, Any]) -> None:
    commands = re.findall(r"docker-compose -f (\S+)((?: --profile \S+)?) ([a-z]+)([^\n`|]*)", DOC)
    assert len(commands) > 8

    for file, _, verb, rest in commands:
        assert (PROJECT_ROOT / file) == COMPOSE_FILE
        words = [word for word in rest.split() if not word.startswith("-") and "=" not in word]
        if verb in {"exec", "run"}:
            words = words[:1]
        if verb in {"up", "restart", "exec", "run"}:
            assert set(words) <= set(written), rest
        else:
            assert verb in {"build", "ps", "images", "config"}


def test_the_table_of_services_is_the_files(written: dict[str, Any]) -> None:
    rows = dict(re.findall(r"^\| `([\w-]+)` \| [^|]+ \|([^|]*)\|$", DOC, re.MULTILINE))

    assert set(rows) == {name for name, service in written.items() if "profiles" not in service}
    for name, where in rows.items():
        ports = [port.rpartition("}")[0].rpartition(":")[2] for port in written[name].get("ports", [])]
        assert all(port in where for port in ports), name
        assert bool(ports) == ("127.0.0.1" in where), name


def test_every_setting_that_the_document_names_exists() -> None:
    known = {
        *(str(field.validation_alias) for field in WorkerSettings.model_fields.values()),
        *(str(field.validation_alias) for field in ApiSettings.model_fields.values()),
        *(str(field.validation_alias) for field in ConversionSettings.model_fields.values()),
        *variables_of(COMPOSE_FILE.read_text(encoding="utf-8")),
        *re.findall(r"\b[A-Z0-9_]+(?=:)", COMPOSE_FILE.read_text(encoding="utf-8")),
        ENV_FILE_SETTING,
    }
    named = set(re.findall(r"\b(?:FAILOVER|TEMPORAL|CLOUDSTACK|VMA|MIGRATEKIT|NUM)_[A-Z0-9_]+\b", DOC))

    assert named - known == set()


def test_the_services_of_the_system_start_what_the_containers_start(written: dict[str, Any]) -> None:
    units = _blocks("ini")
    started = [
        line.removeprefix("ExecStart=")
        for unit in units
        for line in re.findall(r"^ExecStart=.*$", unit, re.MULTILINE)
    ]

    assert started == [
        " ".join(["/opt/failover/.venv/bin/python", *written[name]["command"][1:]])
        for name in ("worker", "api")
    ]
    assert "TimeoutStopSec=60" in units[0]
    assert WorkerSettings.model_fields["graceful_shutdown"].default < 60


def test_the_numbers_of_the_document_are_those_of_the_code(written: dict[str, Any]) -> None:
    pool = WorkerSettings.model_fields["database_pool_size"].default
    retention = variables_of(str(written["temporal-namespace"]["environment"]))["TEMPORAL_RETENTION"]

    assert f"`FAILOVER_DATABASE_POOL_SIZE` connections ({pool})" in DOC
    assert f"{WorkerSettings.model_fields['max_concurrent_activities'].default} activities" in DOC
    assert f"`{retention.removeprefix(':-')}` (30 days)" in DOC
    assert f"({written['temporal']['environment']['NUM_HISTORY_SHARDS']}) is fixed" in DOC
    assert "--max-connections=300" in written["temporal-mysql"]["command"]
    assert "against 300 of" in DOC
    assert WorkerSettings.model_fields["task_queue"].default == TASK_QUEUE


def test_the_example_leads_here() -> None:
    assert "docs/deploy.md" in ENV_EXAMPLE.read_text(encoding="utf-8")
    assert "docs/deploy.md" in COMPOSE_FILE.read_text(encoding="utf-8")


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", DOC):
        file, _, anchor = target.partition("#")
        text = (PROJECT_ROOT / "docs" / file).read_text(encoding="utf-8") if file else DOC
        headings = {
            re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
            for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        }
        assert not anchor or anchor in headings, target
