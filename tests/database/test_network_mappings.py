"""Mapping rows, the resolution's one statement, and what is written back."""

from datetime import UTC, datetime
from typing import Any

import pytest

from database import (
    Database,
    NetworkMappingRepository,
    RunRepository,
    RunStart,
    RunState,
    SchemaGeneration,
    VmState,
)
from database.network_mappings import ValidationResult
from database.tables import network_mappings
from tests.support.field_rows import add_context, add_rows, counted

NOW = datetime(2025, 9, 24, 12, 30, 15, tzinfo=UTC)


def row(
    context_id: str | None, source: str, destination: str, *, test: int | None = 0, **more: object
) -> dict[str, Any]:
    return {
        "vm_context_id": context_id,
        "vm_id": f"legacy of {context_id}",
        "source_network_name": source,
        "destination_network_id": destination,
        "destination_network_name": "",
        "is_test_network": test,
        **more,
    }


async def use_live(database: Database, workflow_id: str, *networks: str, failover_type: str = "live") -> None:
    runs = RunRepository(database)
    await runs.begin(RunStart(workflow_id, "run", "ctx-live", "vm", "uuid", failover_type, NOW))
    await runs.plan(workflow_id, [], networks=networks, nic_source="vma", at=NOW)


async def test_rows_of_a_context_come_in_the_order_of_their_ids(field_database: Database) -> None:
    await add_context(field_database, "ctx-a")
    await add_context(field_database, "ctx-b")
    ids = await add_rows(
        field_database,
        network_mappings,
        row("ctx-a", "Z", "n1", test=0),
        row("ctx-b", "Z", "n2", test=0),
        row("ctx-a", "A", "n3", test=1),
    )

    found = await NetworkMappingRepository(field_database).get_by_context_id("ctx-a", "")

    assert [(one.id, one.source_network_name, one.is_test_network) for one in found] == [
        (ids[0], "Z", False),
        (ids[2], "A", True),
    ]


async def test_a_context_that_differs_in_case_blanks_or_accents_is_another(field_database: Database) -> None:
    await add_context(field_database, "ctx-a")
    await add_rows(field_database, network_mappings, row("ctx-a", "A", "n1"))
    repository = NetworkMappingRepository(field_database)
    for asked in ("CTX-A", "ctx-a ", "ctx-ä"):
        assert await repository.get_by_context_id(asked, "") == []
        assert (await repository.resolution_rows(asked, "")).own == ()


async def test_legacy_rows_are_found_by_their_exact_vm_id(field_database: Database) -> None:
    await add_rows(
        field_database,
        network_mappings,
        row(None, "A", "n1", vm_id="uuid-1"),
        row(None, "A", "n2", vm_id="UUID-10"),
    )
    repository = NetworkMappingRepository(field_database)

    found = await repository.get_by_context_id("ctx-a", "uuid-1")
    assert [one.destination_network_id for one in found] == ["n1"]
    for nobody in ("uuid-10", "uuid-1 ", "", "uuid-%"):
        assert await repository.get_by_context_id("ctx-a", nobody) == []


async def test_what_is_listed_is_what_the_resolution_uses(field_database: Database) -> None:
    for context_id in ("ctx-a", "ctx-b"):
        await add_context(field_database, context_id)
    await add_rows(
        field_database,
        network_mappings,
        row("ctx-a", "A", "n1", vm_id="uuid-1"),
        row(None, "B", "n2", vm_id="uuid-1", test=1),
        row("ctx-b", "C", "n3", vm_id="uuid-1"),
        row(None, "D", "n4", vm_id="uuid-2"),
    )
    repository = NetworkMappingRepository(field_database)

    listed = await repository.get_by_context_id("ctx-a", "uuid-1")

    assert [one.source_network_name for one in listed] == ["A", "B"]
    assert tuple(listed) == (await repository.resolution_rows("ctx-a", "uuid-1")).own


async def test_null_columns_read_as_their_defaults(
    field_database: Database, generation: SchemaGeneration
) -> None:
    await add_context(field_database, "ctx-a")
    values = row("ctx-a", "A", "n1", test=None)
    if generation is SchemaGeneration.JOB_SHEET:
        values.update(
            source_network_name=None, destination_network_id=None, destination_network_name=None, vm_id=None
        )
    await add_rows(field_database, network_mappings, values)

    (found,) = await NetworkMappingRepository(field_database).get_by_context_id("ctx-a", "")

    assert (found.is_test_network, found.is_production_network, found.validation_status) == (
        False,
        False,
        "pending",
    )
    if generation is SchemaGeneration.JOB_SHEET:
        assert (found.source_network_name, found.destination_network_id, found.vm_id) == ("", "", "")


async def test_resolution_takes_own_rows_and_legacy_rows_without_a_context(field_database: Database) -> None:
    await add_context(field_database, "ctx-a")
    await add_context(field_database, "ctx-b")
    own = await add_rows(
        field_database,
        network_mappings,
        row("ctx-a", "A", "n1", vm_id="name-a"),
        row(None, "B", "n2", vm_id="uuid-a"),
    )
    await add_rows(
        field_database,
        network_mappings,
        row(None, "C", "n3", vm_id="UUID-A"),
        row("ctx-b", "D", "n4", vm_id="uuid-a"),
    )
    repository = NetworkMappingRepository(field_database)

    assert [one.id for one in (await repository.resolution_rows("ctx-a", "uuid-a")).own] == own
    assert [one.id for one in (await repository.resolution_rows("ctx-a", "")).own] == own[:1]


async def test_resolution_finds_every_production_use_of_the_networks_in_question(
    field_database: Database,
) -> None:
    for context in ("ctx-a", "ctx-b", "ctx-c"):
        await add_context(field_database, context)
    await add_rows(field_database, network_mappings, row("ctx-a", "A", "net-1", test=1))
    production = await add_rows(
        field_database,
        network_mappings,
        row("ctx-b", "plain", "net-1"),
        row("ctx-b", "typed by hand", " NET-1 "),
        row("ctx-b", "tabs", "\tNet-1\n"),
        row("ctx-b", "other blanks", "\u2003net-1\u00a0"),
        row("ctx-b", "null is no test", "net-1", test=None),
        row("ctx-b", "a default", "Net-Default"),
        row(None, "legacy", "net-1", vm_id="someone"),
    )
    await add_rows(
        field_database,
        network_mappings,
        row("ctx-c", "only a test", "net-1", test=1),
        row("ctx-c", "elsewhere", "net-2"),
        row("ctx-c", "longer", "net-10"),
        row("ctx-c", "blank", ""),
    )

    found = await NetworkMappingRepository(field_database).resolution_rows("ctx-a", "", ["net-default ", ""])

    assert [one.id for one in found.production] == production
    assert [one.source_network_name for one in found.own] == ["A"]


async def test_a_test_row_that_is_marked_production_counts_as_production(
    field_database: Database, generation: SchemaGeneration
) -> None:
    await add_context(field_database, "ctx-b")
    await add_rows(
        field_database, network_mappings, row("ctx-b", "A", "net-1", test=1, is_production_network=1)
    )

    found = await NetworkMappingRepository(field_database).production_use(["NET-1"])

    assert len(found.production) == (1 if generation is SchemaGeneration.JOB_SHEET else 0)


async def test_resolution_finds_networks_of_live_vms(field_database: Database) -> None:
    await add_context(field_database, "ctx-a")
    await add_rows(field_database, network_mappings, row("ctx-a", "A", "net-1", test=1))
    await use_live(field_database, "wf-own-destination", "Net-1")
    await use_live(field_database, "wf-extra", "net-default")
    await use_live(field_database, "wf-unrelated", "net-9")
    await use_live(field_database, "wf-test", "net-1", failover_type="test")

    found = await NetworkMappingRepository(field_database).resolution_rows("ctx-a", "", ["net-default"])

    assert [(one.network_id, one.workflow_id, one.context_id) for one in found.live] == [
        ("Net-1", "wf-own-destination", "ctx-live"),
        ("net-default", "wf-extra", "ctx-live"),
    ]


async def test_networks_count_as_used_from_the_plan_until_the_vm_is_removed(field_database: Database) -> None:
    runs, mappings = RunRepository(field_database), NetworkMappingRepository(field_database)
    await use_live(field_database, "wf", "net-1")
    seen = [len((await mappings.production_use(["net-1"])).live)]
    await runs.set_state("wf", RunState.VM_CREATED, at=NOW, vm_id="vm-1")
    seen.append(len((await mappings.production_use(["net-1"])).live))
    await runs.finish("wf", RunState.COMPLETED, finished_at=NOW)
    (live,) = (await mappings.production_use(["net-1"])).live
    await runs.finish("wf", RunState.FAILED, finished_at=NOW, vm_state=VmState.REMOVED)
    seen.append(len((await mappings.production_use(["net-1"])).live))

    assert seen == [1, 1, 0]
    assert live.vm_id == "vm-1"


async def test_a_failed_run_keeps_its_networks_in_use_until_its_vm_is_known_to_be_gone(
    field_database: Database,
) -> None:
    runs, mappings = RunRepository(field_database), NetworkMappingRepository(field_database)
    await use_live(field_database, "wf", "net-1")

    await runs.finish("wf", RunState.FAILED, finished_at=NOW, error_type="E", error_message="m")
    assert (await mappings.production_use(["net-1"])).live
    await runs.finish("wf", RunState.FAILED, finished_at=NOW, vm_state=VmState.REMOVED)
    assert not (await mappings.production_use(["net-1"])).live


@pytest.mark.parametrize("nics", (1, 40))
async def test_resolution_and_guard_cost_one_statement_each(field_database: Database, nics: int) -> None:
    await add_context(field_database, "ctx-a")
    rows = [
        row("ctx-a", f"net {number}", f"d{number}", test=test, vm_id="uuid-a")
        for number in range(nics)
        for test in (0, 1)
    ]
    await add_rows(field_database, network_mappings, *rows)
    repository = NetworkMappingRepository(field_database)

    with counted(field_database) as sent:
        found = await repository.resolution_rows("ctx-a", "uuid-a", ["x", "y"])
    assert (len(sent), len(found.own), len(found.production)) == (1, 2 * nics, nics)
    with counted(field_database) as sent:
        await repository.production_use([f"d{number}" for number in range(nics)])
    assert len(sent) == 1


STORED = {
    SchemaGeneration.JOB_SHEET: {"validated": "validated", "failed": "failed", "unknown": "unknown"},
    SchemaGeneration.APPLIANCE: {"validated": "valid", "failed": "invalid", "unknown": "pending"},
}
READ_BACK = {
    SchemaGeneration.JOB_SHEET: {"validated": "validated", "failed": "failed", "unknown": "unknown"},
    SchemaGeneration.APPLIANCE: {"validated": "validated", "failed": "failed", "unknown": "pending"},
}


async def test_validation_status_is_written_in_the_words_of_the_generation(
    field_database: Database, generation: SchemaGeneration
) -> None:
    await add_context(field_database, "ctx-a")
    rows = [row("ctx-a", source, "n") for source in ("A", "B", "C")]
    ids = await add_rows(field_database, network_mappings, *rows)
    repository = NetworkMappingRepository(field_database)
    statuses: tuple[ValidationResult, ...] = ("validated", "failed", "unknown")
    for status in statuses:
        await repository.update_validation_status(ids[:2], status, NOW)
        async with field_database.read() as connection:
            stored = await connection.exec_driver_sql(
                "SELECT validation_status FROM network_mappings ORDER BY id"
            )
            assert list(stored.scalars()) == [STORED[generation][status]] * 2 + ["pending"]
        found = await repository.get_by_context_id("ctx-a", "")
        assert [one.validation_status for one in found] == [READ_BACK[generation][status]] * 2 + ["pending"]


async def test_the_time_of_a_validation_is_kept_where_there_is_a_column(
    field_database: Database, generation: SchemaGeneration
) -> None:
    await add_context(field_database, "ctx-a")
    ids = await add_rows(field_database, network_mappings, row("ctx-a", "A", "n"))
    await NetworkMappingRepository(field_database).update_validation_status(ids, "failed", NOW)

    statement = field_database.features.select(network_mappings)
    async with field_database.read() as connection:
        stored = (await connection.execute(statement)).mappings().one()
    assert stored.get("last_validated") == (NOW if generation is SchemaGeneration.APPLIANCE else None)


async def test_no_rows_to_validate_cost_no_statement(field_database: Database) -> None:
    with counted(field_database) as sent:
        await NetworkMappingRepository(field_database).update_validation_status([], "validated", NOW)
    assert sent == []
