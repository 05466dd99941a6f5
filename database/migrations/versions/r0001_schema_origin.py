"""Remember whether the database was empty before us."""

import sqlalchemy as sa
from alembic import op

from database.migrations import ORIGIN_TABLE, origin

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Write the origin down before any other table is made."""
    found = origin(op.get_bind())
    op.create_table(ORIGIN_TABLE, sa.Column("origin", sa.String(16), primary_key=True), if_not_exists=True)
    kept = sa.table(ORIGIN_TABLE, sa.column("origin", sa.String))
    if op.get_bind().execute(sa.select(kept.c.origin)).first() is None:
        op.get_bind().execute(sa.insert(kept).values(origin=found))
        if op.get_bind().dialect.name != "sqlite":
            # The next CREATE TABLE would commit it too; an interruption before that must not lose it.
            op.get_bind().exec_driver_sql("COMMIT")
