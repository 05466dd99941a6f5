"""Databases as they are found in the field, as a pytest plugin.

``pytest_plugins = ["tests.support.mariadb", "tests.support.schemas"]`` gives ``empty_url`` (on SQLite and on
MariaDB), ``own_database`` (that, migrated and opened), ``generation`` (both), ``field_url`` (a database of
that generation, made by somebody else than us) and ``field_database`` (that one migrated and opened). A test
that asks for one runs once for each kind.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from database import Database, SchemaGeneration, migrate
from database.engine import is_server, make_engine
from tests.support.mariadb import MariaDBServer, fresh_database

SQLITE, MARIADB = "sqlite", "mariadb"


@pytest.fixture(params=[SQLITE, MARIADB])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without a table. MariaDB is started only when a test needs it."""
    if request.param == SQLITE:
        yield f"sqlite+aiosqlite:///{tmp_path / 'field.db'}"
        return
    server: MariaDBServer = request.getfixturevalue("mariadb_server")
    with fresh_database(server) as url:
        yield url


@pytest.fixture(params=list(SchemaGeneration), ids=str)
def generation(request: pytest.FixtureRequest) -> SchemaGeneration:
    """The shape of the existing tables."""
    return SchemaGeneration(request.param)


@pytest_asyncio.fixture(loop_scope="session")
async def field_url(empty_url: str, generation: SchemaGeneration) -> str:
    """A database that an appliance or the job sheet's author made; ours are not in it yet."""
    await create_field_schema(empty_url, generation)
    return empty_url


@pytest_asyncio.fixture(loop_scope="session")
async def own_database(empty_url: str) -> AsyncIterator[Database]:
    """A database that we made ourselves, open."""
    await migrate(empty_url)
    database = await Database.open(empty_url)
    yield database
    await database.close()


@pytest_asyncio.fixture(loop_scope="session")
async def field_database(field_url: str) -> AsyncIterator[Database]:
    """The same with our tables, open."""
    await migrate(field_url)
    database = await Database.open(field_url)
    yield database
    await database.close()


async def execute(url: str, *statements: str) -> None:
    """Run statements on a database, in one transaction where that is possible."""
    engine = make_engine(url, pool_size=1)
    try:
        async with engine.begin() as connection:
            for statement in statements:
                await connection.exec_driver_sql(statement)
    finally:
        await engine.dispose()


async def create_field_schema(url: str, generation: SchemaGeneration) -> None:
    """Create the tables of a generation in an empty database."""
    engine = make_engine(url, pool_size=1)
    server = is_server(engine)
    await engine.dispose()
    await execute(url, *field_schema(generation, server=server))


def field_schema(generation: SchemaGeneration, *, server: bool) -> list[str]:
    """Return the CREATE TABLE statements of a generation, for MariaDB or for SQLite.

    The appliance's are those of original-system.md, section 3, with some columns that we do not use. The
    job sheet gives columns for ``network_mappings`` only; its other tables are the appliance's.
    """
    write = _Types(server=server)
    mappings = _job_sheet_mappings if generation is SchemaGeneration.JOB_SHEET else _appliance_mappings
    return [
        *_configurations(write),
        _contexts(write),
        mappings(write),
        _disks(write),
        *_replication(write),
        _jobs(write),
    ]


class _Types:
    """How a server and SQLite write the same column."""

    def __init__(self, *, server: bool) -> None:
        self.id = "BIGINT PRIMARY KEY AUTO_INCREMENT" if server else "INTEGER PRIMARY KEY AUTOINCREMENT"
        self.json = "LONGTEXT" if server else "TEXT"
        self.stamp = "TIMESTAMP NULL" if server else "DATETIME NULL"
        self.now = f"{self.stamp} DEFAULT CURRENT_TIMESTAMP"
        self.end = ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci" if server else ")"
        self._server = server

    def words(self, column: str, *words: str) -> str:
        listed = ", ".join(f"'{word}'" for word in words)
        if self._server:
            return f"{column} ENUM({listed})"
        return f"{column} VARCHAR(32) CHECK ({column} IN ({listed}))"


def _configurations(write: _Types) -> tuple[str, str]:
    return (
        f"""CREATE TABLE ossea_configs (id {write.id}, name VARCHAR(255) NOT NULL UNIQUE,
        api_url VARCHAR(500) NOT NULL, api_key VARCHAR(500) NOT NULL, secret_key VARCHAR(500) NOT NULL,
        domain VARCHAR(255), zone VARCHAR(255) NOT NULL, template_id VARCHAR(255), network_id VARCHAR(255),
        service_offering_id VARCHAR(255), disk_offering_id VARCHAR(255), oma_vm_id VARCHAR(255),
        is_active TINYINT(1) DEFAULT 1, created_at {write.now}, updated_at {write.now} {write.end}""",
        f"""CREATE TABLE vmware_credentials (id {write.id}, credential_name VARCHAR(255) NOT NULL UNIQUE,
        vcenter_host VARCHAR(255) NOT NULL, username VARCHAR(255) NOT NULL, password_encrypted TEXT NOT NULL,
        datacenter VARCHAR(255) NOT NULL, is_active TINYINT(1) DEFAULT 1, is_default TINYINT(1) DEFAULT 0,
        last_used {write.stamp}, usage_count INT DEFAULT 0, created_at {write.now} {write.end}""",
    )


def _contexts(write: _Types) -> str:
    status = write.words(
        "current_status",
        "discovered",
        "replicating",
        "ready_for_failover",
        "failed_over_test",
        "failed_over_live",
        "completed",
        "failed",
        "cleanup_required",
    )
    return f"""CREATE TABLE vm_replication_contexts (context_id VARCHAR(64) NOT NULL PRIMARY KEY,
        vm_name VARCHAR(255) NOT NULL, vmware_vm_id VARCHAR(255) NOT NULL, vm_path VARCHAR(500) NOT NULL,
        vcenter_host VARCHAR(255) NOT NULL, datacenter VARCHAR(255) NOT NULL, {status} DEFAULT 'discovered',
        current_job_id VARCHAR(191), last_successful_job_id VARCHAR(191), total_jobs_run INT DEFAULT 0,
        successful_jobs INT DEFAULT 0, failed_jobs INT DEFAULT 0, last_status_change {write.stamp},
        cpu_count INT, memory_mb INT, os_type VARCHAR(255),
        power_state VARCHAR(50), vm_tools_version VARCHAR(255), created_at {write.now},
        updated_at {write.now}, scheduler_enabled TINYINT(1) DEFAULT 1, credential_id BIGINT,
        ossea_config_id BIGINT,
        last_operation_summary {write.json}, UNIQUE (vmware_vm_id, vcenter_host),
        UNIQUE (vm_name, vcenter_host),
        FOREIGN KEY (credential_id) REFERENCES vmware_credentials (id) ON DELETE SET NULL {write.end}"""


_CONTEXT = "FOREIGN KEY (vm_context_id) REFERENCES vm_replication_contexts (context_id) ON DELETE CASCADE"


def _appliance_mappings(write: _Types) -> str:
    return f"""CREATE TABLE network_mappings (id {write.id}, vm_id VARCHAR(255) NOT NULL,
        source_network_name VARCHAR(255) NOT NULL, destination_network_id VARCHAR(255) NOT NULL,
        destination_network_name VARCHAR(255) NOT NULL, is_test_network TINYINT(1) DEFAULT 0,
        vm_context_id VARCHAR(64) NULL, vmware_vm_id VARCHAR(255),
        {write.words("validation_status", "pending", "valid", "invalid")} DEFAULT 'pending',
        {write.words("mapping_type", "live", "test", "both")} DEFAULT 'live', network_strategy VARCHAR(50),
        last_validated {write.stamp}, created_at {write.now}, updated_at {write.now},
        UNIQUE (vm_id, source_network_name, is_test_network),
        UNIQUE (vm_context_id, source_network_name, is_test_network), {_CONTEXT} {write.end}"""


def _job_sheet_mappings(write: _Types) -> str:
    return f"""CREATE TABLE network_mappings (id {write.id}, vm_id VARCHAR(255), vm_context_id VARCHAR(64),
        source_network_name VARCHAR(255), destination_network_id VARCHAR(64),
        destination_network_name VARCHAR(255), is_test_network BOOLEAN, is_production_network BOOLEAN,
        {write.words("network_strategy", "production", "test", "isolated", "custom")},
        {write.words("validation_status", "pending", "validated", "failed", "unknown")} DEFAULT 'pending',
        created_at {write.now}, {_CONTEXT} {write.end}"""


def _disks(write: _Types) -> str:
    return f"""CREATE TABLE vm_disks (id {write.id}, vm_context_id VARCHAR(64) NOT NULL, job_id VARCHAR(191),
        disk_id VARCHAR(191) NOT NULL, vm_dk_path VARCHAR(500), size_gb BIGINT, datastore VARCHAR(255),
        unit_number INT, label VARCHAR(255), capacity_bytes BIGINT, provisioning_type VARCHAR(50),
        ossea_volume_id BIGINT, disk_change_id VARCHAR(255), sync_status VARCHAR(50),
        cpu_count INT, memory_mb INT, os_type VARCHAR(255), vm_tools_version VARCHAR(255),
        network_config {write.json}, display_name VARCHAR(255), vmware_uuid VARCHAR(255), bios_setup TEXT,
        power_state VARCHAR(50), created_at {write.now}, updated_at {write.now},
        UNIQUE (vm_context_id, disk_id), {_CONTEXT} {write.end}"""


def _replication(write: _Types) -> tuple[str, ...]:
    volume = write.words("status", "creating", "available", "attached", "detached", "error")
    snapshot = write.words("snapshot_status", "none", "creating", "ready", "failed", "rollback_complete")
    job = write.words("status", "pending", "running", "replicating", "completed", "failed", "cancelled")
    return (
        f"""CREATE TABLE ossea_volumes (id {write.id}, vm_context_id VARCHAR(64),
        volume_id VARCHAR(191) NOT NULL UNIQUE, volume_name VARCHAR(255) NOT NULL, size_gb INT NOT NULL,
        ossea_config_id BIGINT, volume_type VARCHAR(50), device_path VARCHAR(255), mount_point VARCHAR(255),
        {volume} DEFAULT 'creating', snapshot_id VARCHAR(191), snapshot_created_at {write.stamp},
        {snapshot} DEFAULT 'none', created_at {write.now}, {_CONTEXT} {write.end}""",
        f"""CREATE TABLE replication_jobs (id VARCHAR(191) NOT NULL PRIMARY KEY, vm_context_id VARCHAR(64),
        source_vm_id VARCHAR(255) NOT NULL, source_vm_name VARCHAR(255) NOT NULL,
        source_vm_path VARCHAR(500), v_center_host VARCHAR(255), datacenter VARCHAR(255),
        replication_type VARCHAR(50) NOT NULL, {job} DEFAULT 'pending', progress_percent DOUBLE DEFAULT 0,
        bytes_transferred BIGINT DEFAULT 0, total_bytes BIGINT DEFAULT 0, change_id VARCHAR(255),
        error_message TEXT, ossea_config_id BIGINT, created_at {write.now}, updated_at {write.now},
        started_at {write.stamp}, completed_at {write.stamp}, {_CONTEXT} {write.end}""",
        f"""CREATE TABLE cbt_history (id {write.id}, job_id VARCHAR(191) NOT NULL,
        disk_id VARCHAR(191) NOT NULL, change_id VARCHAR(255) NOT NULL, sync_type VARCHAR(20) NOT NULL,
        sync_success TINYINT(1) DEFAULT 0, created_at {write.now},
        FOREIGN KEY (job_id) REFERENCES replication_jobs (id) ON DELETE CASCADE {write.end}""",
    )


def _jobs(write: _Types) -> str:
    status = write.words(
        "status",
        "pending",
        "validating",
        "snapshotting",
        "creating_vm",
        "switching_volume",
        "powering_on",
        "completed",
        "failed",
        "cleanup",
        "reverting",
    )
    return f"""CREATE TABLE failover_jobs (id {write.id}, vm_context_id VARCHAR(64),
        job_id VARCHAR(191) NOT NULL UNIQUE, vm_id VARCHAR(255) NOT NULL, replication_job_id VARCHAR(255),
        {write.words("job_type", "live", "test")} NOT NULL, {status} DEFAULT 'pending',
        source_vm_name VARCHAR(255) NOT NULL, source_vm_spec TEXT, destination_vm_id VARCHAR(255),
        ossea_snapshot_id VARCHAR(255), network_mappings TEXT, error_message TEXT,
        created_at {write.now}, updated_at {write.now}, started_at {write.stamp},
        completed_at {write.stamp}, {_CONTEXT} {write.end}"""
