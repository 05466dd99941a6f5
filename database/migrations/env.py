"""Alembic's entry: runs the revisions on the connection that ``database.migrations.migrate`` opened."""

from alembic import context
from sqlalchemy import Connection

from database.migrations import VERSION_TABLE


def _run() -> None:
    connection = context.config.attributes.get("connection")
    if not isinstance(connection, Connection):
        raise SystemExit("run the migrations with database.migrations.migrate(url); it takes the lock")
    # SQLite undoes CREATE TABLE, so the whole upgrade is one transaction there: that of our caller.
    context.configure(
        connection=connection,
        version_table=VERSION_TABLE,
        transactional_ddl=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


_run()
