"""Migrations: on an empty database, beside existing tables, interrupted, and two at one time."""

import asyncio

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from database import (
    Database,
    DatabaseUnavailable,
    RunRepository,
    RunState,
    SchemaGeneration,
    SchemaMismatch,
    migrate,
    migrations,
    own_tables,
    tables,
)
from database.engine import is_server, make_engine
from tests.support.schemas import create_field_schema, execute

OWN = {
    "failover_alembic_version",
    "failover_schema_origin",
    "failover_leases",
    "failover_runs",
    "failover_run_networks",
    "failover_replicas",
}
EXISTING = set(tables.metadata.tables)


async def table_names(url: str) -> set[str]:
    engine = make_engine(url, pool_size=1)
    async with engine.connect() as connection:
        names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    await engine.dispose()
    return set(names)


async def definitions(url: str, names: set[str]) -> dict[str, str]:
    """Return how the database itself would write the CREATE TABLE of some tables."""

    async def definition(connection: AsyncConnection, name: str) -> str:
        if is_server(engine):
            return str(
                (await connection.exec_driver_sql(f"SHOW CREATE TABLE {name}"))
                .mappings()
                .one()["Create Table"]
            )
        found = await connection.execute(
            text("SELECT sql FROM sqlite_master WHERE tbl_name = :name ORDER BY name"), {"name": name}
        )
        return "\n".join(str(one) for one in found.scalars())

    engine = make_engine(url, pool_size=1)
    async with engine.connect() as connection:
        found = {name: await definition(connection, name) for name in sorted(names)}
    await engine.dispose()
    return found


async def test_an_empty_database_gets_the_job_sheets_tables_and_ours(empty_url: str) -> None:
    await migrate(empty_url)

    assert await table_names(empty_url) == EXISTING | OWN
    database = await Database.open(empty_url)
    features = database.features
    await database.close()
    assert features.generation is SchemaGeneration.JOB_SHEET
    assert features.words["network_mappings", "validation_status"] == {
        "pending",
        "validated",
        "failed",
        "unknown",
    }
    assert features.lengths["network_mappings", "destination_network_id"] == 64


async def test_every_column_that_we_declare_is_made_by_the_migrations(empty_url: str) -> None:
    await migrate(empty_url)
    database = await Database.open(empty_url)
    columns = database.features.columns
    await database.close()
    for table in own_tables.metadata.sorted_tables:
        assert columns[table.name] == {column.name for column in table.columns}
    # What the appliance has beyond the job sheet is the one thing that an empty database does not get.
    for table in tables.metadata.sorted_tables:
        assert {column.name for column in table.columns} - columns[table.name] <= {"replication_job_id"}


async def test_existing_tables_are_never_altered(field_url: str) -> None:
    before = await definitions(field_url, EXISTING)

    await migrate(field_url)
    await migrate(field_url)

    assert await definitions(field_url, EXISTING) == before
    assert await table_names(field_url) == EXISTING | OWN


async def test_another_applications_database_is_left_untouched(empty_url: str) -> None:
    await execute(empty_url, "CREATE TABLE customers (id INTEGER PRIMARY KEY)")

    with pytest.raises(SchemaMismatch, match="is this the appliance's database"):
        await migrate(empty_url)

    assert await table_names(empty_url) == {"customers"}


@pytest.mark.parametrize("revision", ("0001", "0002", "0003", "0004"))
async def test_an_interrupted_migration_goes_on_where_it_was(empty_url: str, revision: str) -> None:
    """A server keeps the tables of a step that was cut off, but not that the step was done."""
    await migrate(empty_url)
    complete = await definitions(empty_url, EXISTING | OWN)
    lost = {
        "0001": ["failover_jobs", "vm_disks"],
        "0002": ["failover_run_networks"],
        "0004": ["cbt_history", "failover_replicas"],
    }.get(revision, [])
    await execute(
        empty_url,
        f"UPDATE failover_alembic_version SET version_num = '{revision}'",
        *(f"DROP TABLE {name}" for name in lost),
    )

    await migrate(empty_url)

    assert await definitions(empty_url, EXISTING | OWN) == complete
    await (await Database.open(empty_url)).close()


async def test_runs_of_an_earlier_revision_are_kept_and_have_no_request(empty_url: str) -> None:
    await migrate(empty_url)
    await execute(
        empty_url,
        "UPDATE failover_alembic_version SET version_num = '0003'",
        "ALTER TABLE failover_runs DROP COLUMN request",
        "INSERT INTO failover_runs (workflow_key, workflow_id, run_id, context_id, vm_name, vmware_vm_id,"
        " failover_type, state, vm_state, generation, started_at, updated_at) VALUES ('wf', 'wf', 'r', 'c',"
        " 'v', 'u', 'live', 'completed', 'running', 1, '2025-09-24 12:00:00', '2025-09-24 12:00:00')",
    )
    with pytest.raises(SchemaMismatch, match="failover_runs has no column request"):
        await Database.open(empty_url)

    await migrate(empty_url)

    database = await Database.open(empty_url)
    found = await RunRepository(database).get("wf")
    await database.close()
    assert found is not None
    assert (found.state, found.request) == (RunState.COMPLETED, None)


async def test_replication_s_tables_come_to_a_database_of_ours_and_to_no_other(
    empty_url: str, generation: SchemaGeneration
) -> None:
    """A database of somebody else may lack them for good: then nothing is known of replication."""
    await create_field_schema(empty_url, generation)
    await execute(
        empty_url, *(f"DROP TABLE {name}" for name in ("cbt_history", "replication_jobs", "ossea_volumes"))
    )

    await migrate(empty_url)

    assert {"cbt_history", "replication_jobs", "ossea_volumes"} & await table_names(empty_url) == set()
    await (await Database.open(empty_url)).close()


async def test_a_migration_cut_off_in_its_very_first_step_starts_again(empty_url: str) -> None:
    await execute(
        empty_url,
        "CREATE TABLE failover_alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
        "CREATE TABLE failover_schema_origin (origin VARCHAR(16) NOT NULL PRIMARY KEY)",
    )
    await migrate(empty_url)
    assert await table_names(empty_url) == EXISTING | OWN


async def test_two_migrations_at_one_moment_wait_for_each_other(empty_url: str) -> None:
    await asyncio.gather(*(migrate(empty_url) for _ in range(3)))
    assert await table_names(empty_url) == EXISTING | OWN


async def test_a_migration_that_another_keeps_waiting_for_too_long_is_transient(
    mariadb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_LOCK_SECONDS", 0)
    engine = make_engine(mariadb_url, pool_size=1)
    async with engine.connect() as other:
        await other.exec_driver_sql("SELECT GET_LOCK(CONCAT('failover_migrate_', MD5(DATABASE())), 0)")
        with pytest.raises(DatabaseUnavailable, match="another migration"):
            await migrate(mariadb_url)
    await engine.dispose()
    assert await table_names(mariadb_url) == set()


async def test_the_mappings_of_an_empty_database_tell_source_names_apart_by_case(empty_url: str) -> None:
    await migrate(empty_url)
    insert = "INSERT INTO network_mappings (source_network_name, destination_network_id) VALUES ('{}', 'n')"
    await execute(empty_url, insert.format("VM Network"), insert.format("vm network"))
    engine = make_engine(empty_url, pool_size=1)
    async with engine.connect() as connection:
        found = await connection.exec_driver_sql(
            "SELECT COUNT(*) FROM network_mappings WHERE source_network_name = 'VM Network'"
        )
        assert found.scalar_one() == 1
    await engine.dispose()
