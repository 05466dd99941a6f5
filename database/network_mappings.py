"""``network_mappings``: where a source network leads, and who uses a network in production."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, and_, literal, null, or_, select, union_all, update

from database.engine import Database
from database.network_keys import SqueezedColumn, squeezed
from database.own_tables import run_networks, runs
from database.run_records import VM_STATES_IN_USE
from database.schema import read_validation
from database.tables import flag, network_mappings, number, text
from rules.mappings import LiveNetwork, MappingRow, network_key

ValidationResult = Literal["validated", "failed", "unknown"]

_OWN, _PRODUCTION, _LIVE = "own", "production", "live"
_READ = (
    "id",
    "vm_context_id",
    "vm_id",
    "source_network_name",
    "destination_network_id",
    "destination_network_name",
    "is_test_network",
    "is_production_network",
    "validation_status",
)
_LIVE_COLUMNS = {
    "live_network_id": run_networks.c.network_id,
    "live_workflow_id": runs.c.workflow_id,
    "live_context_id": runs.c.context_id,
    "live_vm_id": runs.c.vm_id,
}
_Part = Select[*tuple[Any, ...]]
_Among = Callable[[ColumnElement[str]], ColumnElement[bool]]


@dataclass(frozen=True)
class ResolutionRows:
    """Everything that the resolution of one VM needs of the database.

    Attributes:
        own: The VM's own rows, by id: those of its context, and legacy rows that only name its uuid.
        production: Production rows of any VM whose destination is one of the networks in question, by id.
        live: Those of the networks in question that a VM failed over live by us uses now.
    """

    own: tuple[MappingRow, ...]
    production: tuple[MappingRow, ...]
    live: tuple[LiveNetwork, ...]


class ProductionUse(NamedTuple):
    """Who uses some networks in production: mapping rows by id, and VMs failed over live."""

    production: tuple[MappingRow, ...]
    live: tuple[LiveNetwork, ...]


class NetworkMappingRepository:
    """Reads mappings and writes what CloudStack said of them.

    Contexts and uuids are compared as written: the collations of the existing tables ignore case and trailing
    blanks, so what a statement found is compared again here. Networks are compared as ``network_key`` says.

    Args:
        database: Where the rows are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._names = [
            column.name for column in database.features.present(network_mappings) if column.name in _READ
        ]

    async def get_by_context_id(self, context_id: str, vmware_vm_id: str) -> list[MappingRow]:
        """Return a VM's own rows, by id: the same that its resolution uses.

        They are those of its context, and legacy rows without a context that name its uuid, which the job
        sheet's ``GetByVMID`` was for.

        Args:
            context_id: The VM's context.
            vmware_vm_id: Its uuid; empty matches no legacy row.
        """
        statement = self._own(context_id, vmware_vm_id).order_by(network_mappings.c.id)
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return _own_of((_mapping(row._asdict()) for row in rows), context_id, vmware_vm_id)

    async def resolution_rows(
        self, context_id: str, vmware_vm_id: str, extra_network_ids: Collection[str] = ()
    ) -> ResolutionRows:
        """Read, in one statement, the VM's rows and every production use of the networks they may lead to.

        Args:
            context_id: The VM's context.
            vmware_vm_id: Its uuid, for legacy rows that carry no context; empty matches none.
            extra_network_ids: Networks that no row of the VM names but that may be decided for it: the
                defaults, and those of the request.
        """
        key = SqueezedColumn(network_mappings.c.destination_network_id).label("squeezed")
        own = self._own(context_id, vmware_vm_id).add_columns(key).cte("own_rows")
        extra = sorted({squeezed(network_id) for network_id in extra_network_ids})

        def among(key: ColumnElement[str]) -> ColumnElement[bool]:
            return or_(key.in_(select(own.c.squeezed)), key.in_(extra))

        own_part = select(literal(_OWN).label("part"), *(own.c[name] for name in self._names), *_no_live())
        rows = await self._fetch([own_part, *self._use_parts(among)])
        own_rows = _own_of(_mappings(rows, _OWN), context_id, vmware_vm_id)
        keys = {network_key(network_id) for network_id in extra_network_ids}
        keys.update(network_key(row.destination_network_id) for row in own_rows)
        use = _use_of(rows, keys)
        return ResolutionRows(tuple(own_rows), use.production, use.live)

    async def production_use(self, network_ids: Collection[str]) -> ProductionUse:
        """Read, in one statement, who uses these networks in production now. Empty ids match nothing."""
        compared = sorted({squeezed(network_id) for network_id in network_ids})
        rows = await self._fetch(self._use_parts(lambda key: key.in_(compared)))
        return _use_of(rows, {network_key(network_id) for network_id in network_ids})

    async def update_validation_status(
        self, row_ids: Collection[int], status: ValidationResult, at: datetime
    ) -> None:
        """Record what CloudStack said of the destinations of some rows.

        Written in the words that the column takes: ``valid`` and ``invalid`` on the appliance, which has
        nothing nearer to unknown than ``pending``. Nothing is written where there is no such column.

        Args:
            row_ids: Primary keys.
            status: The outcome in the job sheet's words.
            at: When it was checked (UTC), for ``last_validated`` where that exists.

        Raises:
            SchemaMismatch: The column takes none of the words that would do.
        """
        features = self._database.features
        if not row_ids or not features.has("network_mappings", "validation_status"):
            return
        values = features.writable(
            network_mappings, {"validation_status": features.validation_word(status), "last_validated": at}
        )
        async with self._database.write() as connection:
            await connection.execute(
                update(network_mappings).where(network_mappings.c.id.in_(sorted(row_ids))).values(values)
            )

    async def _fetch(self, parts: Iterable[_Part]) -> list[Row[Any]]:
        async with self._database.read() as connection:
            return list((await connection.execute(union_all(*parts))).all())

    def _own(self, context_id: str, vmware_vm_id: str) -> _Part:
        """Select a VM's own rows, and what the collation takes for them: see ``_own_of``."""
        columns = select(*(network_mappings.c[name] for name in self._names))
        of_context = network_mappings.c.vm_context_id == context_id
        if not vmware_vm_id or "vm_id" not in self._names:
            return columns.where(of_context)
        without = or_(network_mappings.c.vm_context_id.is_(None), network_mappings.c.vm_context_id == "")
        return columns.where(or_(of_context, and_(without, network_mappings.c.vm_id == vmware_vm_id)))

    def _use_parts(self, among: _Among) -> tuple[_Part, _Part]:
        is_test = network_mappings.c.is_test_network
        production: list[ColumnElement[bool]] = [is_test.is_(None), is_test == 0]
        if "is_production_network" in self._names:
            production.append(network_mappings.c.is_production_network != 0)
        rows = select(
            literal(_PRODUCTION).label("part"),
            *(network_mappings.c[name] for name in self._names),
            *_no_live(),
        ).where(or_(*production), among(SqueezedColumn(network_mappings.c.destination_network_id)))
        live = (
            select(
                literal(_LIVE).label("part"),
                *(null().label(name) for name in self._names),
                *(column.label(name) for name, column in _LIVE_COLUMNS.items()),
            )
            .select_from(run_networks.join(runs, runs.c.workflow_key == run_networks.c.workflow_key))
            .where(
                runs.c.failover_type == "live",
                runs.c.vm_state.in_(VM_STATES_IN_USE),
                among(run_networks.c.network_key),
            )
        )
        return rows, live


def _no_live() -> list[ColumnElement[Any]]:
    return [null().label(name) for name in _LIVE_COLUMNS]


def _own_of(rows: Iterable[MappingRow], context_id: str, vmware_vm_id: str) -> list[MappingRow]:
    """Keep what is exactly the VM's; a row that names a context is that context's, whatever uuid it has."""

    def is_own(row: MappingRow) -> bool:
        if row.context_id:
            return row.context_id == context_id
        return bool(vmware_vm_id) and row.vm_id == vmware_vm_id

    return [row for row in rows if is_own(row)]


def _mappings(rows: Iterable[Row[Any]], part: str) -> list[MappingRow]:
    found = (_mapping(row._asdict()) for row in rows if row.part == part)
    return sorted(found, key=lambda row: row.id)


def _use_of(rows: list[Row[Any]], keys: Collection[str]) -> ProductionUse:
    """Keep what is exactly one of the networks; a destination left empty is no network."""
    production = tuple(
        row
        for row in _mappings(rows, _PRODUCTION)
        if row.destination_network_id.strip() and network_key(row.destination_network_id) in keys
    )
    live = (
        LiveNetwork(
            network_id=row.live_network_id,
            workflow_id=row.live_workflow_id,
            context_id=row.live_context_id,
            vm_id=text(row.live_vm_id),
        )
        for row in rows
        if row.part == _LIVE and network_key(row.live_network_id) in keys
    )
    return ProductionUse(production, tuple(sorted(live, key=lambda one: (one.network_id, one.workflow_id))))


def _mapping(row: Mapping[str, Any]) -> MappingRow:
    return MappingRow(
        id=number(row["id"]),
        context_id=text(row["vm_context_id"]),
        vm_id=text(row.get("vm_id")),
        source_network_name=text(row["source_network_name"]),
        destination_network_id=text(row["destination_network_id"]),
        destination_network_name=text(row.get("destination_network_name")),
        is_test_network=flag(row["is_test_network"]),
        is_production_network=flag(row.get("is_production_network")),
        validation_status=read_validation(text(row.get("validation_status")) or "pending"),
    )
