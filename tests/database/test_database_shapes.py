"""Databases that differ from both generations in a single column."""

import pytest

from database import Database, NetworkMappingRepository, RunRepository, RunStart, SchemaMismatch, migrate
from database.schema import SchemaFeatures
from tests.support.field_rows import NOW, add_context
from tests.support.schemas import execute

MAPPINGS = frozenset({"id", "vm_context_id", "validation_status"})
STATUS = ("network_mappings", "validation_status")


@pytest.mark.parametrize(
    ("columns", "words", "expected"),
    (
        (MAPPINGS, None, {"validated": "valid", "failed": "invalid", "unknown": "pending"}),
        (
            MAPPINGS | {"is_production_network"},
            None,
            {"validated": "validated", "failed": "failed", "unknown": "unknown"},
        ),
        (MAPPINGS, {"pending", "validated", "failed"}, {"validated": "validated", "unknown": "pending"}),
        (MAPPINGS | {"is_production_network"}, {"valid", "invalid", "pending"}, {"failed": "invalid"}),
    ),
)
def test_the_words_of_the_column_decide_and_the_generation_only_without_them(
    columns: frozenset[str], words: set[str] | None, expected: dict[str, str]
) -> None:
    legal = {} if words is None else {STATUS: frozenset(words)}
    features = SchemaFeatures(columns={"network_mappings": columns}, words=legal)
    assert {word: features.validation_word(word) for word in expected} == expected


def test_a_column_that_takes_no_word_for_a_result_is_named() -> None:
    features = SchemaFeatures(
        columns={"network_mappings": MAPPINGS}, words={STATUS: frozenset({"pending", "valid"})}
    )
    with pytest.raises(SchemaMismatch, match="takes none of failed, invalid") as refused:
        features.validation_word("failed")
    assert (refused.value.table, refused.value.column) == STATUS


async def test_a_schema_without_legacy_ids_has_no_legacy_rows(empty_url: str) -> None:
    await migrate(empty_url)
    await execute(
        empty_url,
        "DROP INDEX network_mappings_vm ON network_mappings"
        if empty_url.startswith("mysql")
        else "DROP INDEX network_mappings_vm",
        "ALTER TABLE network_mappings DROP COLUMN vm_id",
        "ALTER TABLE network_mappings DROP COLUMN destination_network_name",
        "INSERT INTO vm_replication_contexts (context_id, vm_name, vmware_vm_id, vcenter_host, datacenter) "
        "VALUES ('ctx-a', 'a', 'uuid-a', 'v', 'd')",
        "INSERT INTO network_mappings (vm_context_id, source_network_name, destination_network_id) "
        "VALUES ('ctx-a', 'A', 'n'), (NULL, 'B', 'n')",
    )
    database = await Database.open(empty_url)
    try:
        repository = NetworkMappingRepository(database)
        found = await repository.resolution_rows("ctx-a", "uuid-a")
        listed = await repository.get_by_context_id("ctx-a", "uuid-a")
    finally:
        await database.close()
    assert [one.source_network_name for one in found.own] == ["A"]
    assert tuple(listed) == found.own
    assert [one.source_network_name for one in found.production] == ["A", "B"]


async def test_a_job_list_that_insists_on_a_replication_job_gets_an_empty_one(empty_url: str) -> None:
    await migrate(empty_url)
    await execute(
        empty_url,
        "DROP TABLE failover_jobs",
        "CREATE TABLE failover_jobs (id INTEGER PRIMARY KEY, vm_context_id VARCHAR(64), job_id VARCHAR(64) "
        "NOT NULL UNIQUE, replication_job_id VARCHAR(64) NOT NULL, job_type VARCHAR(9), status VARCHAR(32))"
        if empty_url.startswith("sqlite")
        else "CREATE TABLE failover_jobs (id INTEGER PRIMARY KEY AUTO_INCREMENT, vm_context_id VARCHAR(64), "
        "job_id VARCHAR(64) NOT NULL UNIQUE, replication_job_id VARCHAR(64) NOT NULL, job_type VARCHAR(9), "
        "status VARCHAR(32))",
    )
    database = await Database.open(empty_url)
    try:
        await add_context(database, "ctx-a")
        for _ in range(2):
            await RunRepository(database).begin(
                RunStart("wf-" + "x" * 100, "run", "ctx-a", "vm", "uuid", "live", NOW)
            )
        async with database.read() as connection:
            rows = await connection.exec_driver_sql(
                "SELECT job_id, replication_job_id, status FROM failover_jobs"
            )
            (job,) = rows.mappings().all()
    finally:
        await database.close()
    assert len(job["job_id"]) <= 64
    assert (job["replication_job_id"], job["status"]) == ("", "validating")
