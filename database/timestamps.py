"""Times in the database: aware UTC outside, naive UTC inside."""

from datetime import UTC, datetime

from sqlalchemy import DateTime
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine


class UtcDateTime(TypeDecorator[datetime]):
    """Stores an aware time as naive UTC and reads it back as aware UTC.

    Every connection's time zone is UTC (engine.py), so ``TIMESTAMP`` columns of the existing tables carry
    the same meaning as ``DATETIME`` ones. MariaDB's zero date reads as None.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime]:
        """Keep microseconds on MySQL and MariaDB, whose default is whole seconds."""
        if dialect.name in {"mysql", "mariadb"}:
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Refuse a naive time: nobody could say which zone it is of.

        Raises:
            ValueError: The time has no zone.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone was handed to the database")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: object, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Give the time its zone."""
        return value.replace(tzinfo=UTC) if isinstance(value, datetime) else None
