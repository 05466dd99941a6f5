"""The request of a run: who asked for what, and why."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; runs that are older have no request."""
    # A server keeps the column of a step that was cut off, but not that the step was done.
    if "request" in {column["name"] for column in sa.inspect(op.get_bind()).get_columns("failover_runs")}:
        return
    kind = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
    op.add_column("failover_runs", sa.Column("request", kind))
