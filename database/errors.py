"""What can go wrong with the database. Every error of this package is one of these.

::

    DatabaseError                     final by default: a refused statement, at the start a wrong password
    ├── DatabaseUnavailable           transient: connection lost, deadlock, lock wait, read-only, server, pool
    │                                 or disk full, an account refused that was let in at the start
    ├── UnsupportedDatabase           a URL of a kind that this package does not work on
    ├── ConnectionBudgetExceeded      the pool is larger than what the server still allows
    ├── SchemaMismatch                a table or a column that is needed is not there
    ├── ConfigError                   the CloudStack configuration of a context
    │   ├── NoActiveConfig
    │   ├── SeveralActiveConfigs
    │   └── UnknownConfig
    ├── CredentialError               stored secrets
    │   ├── EncryptionKeyInvalid
    │   ├── CredentialUnreadable
    │   ├── CredentialInactive
    │   ├── UnknownCredential
    │   └── SeveralDefaultCredentials
    ├── StoredNicsUnreadable          vm_disks.network_config is not what the VMA stores
    └── UnknownRun                    a run that was never begun is reported on

No message quotes a parameter or a stored value, since messages end up in Temporal's history; names of hosts,
tables, columns and rows are quoted. Driver errors are not chained for the same reason.
"""

from collections.abc import Sequence
from typing import ClassVar


class DatabaseError(Exception):
    """Base of the tree.

    Attributes:
        transient: True where the same call may succeed later, by itself or when an operator has mended it.
        code: The driver's error number, None where the error is ours.
    """

    transient: ClassVar[bool] = False

    def __init__(self, message: str, *, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class DatabaseUnavailable(DatabaseError):
    """The database cannot answer now; Temporal retries."""

    transient: ClassVar[bool] = True


class UnsupportedDatabase(DatabaseError):
    """The URL names neither ``mysql+asyncmy`` nor ``sqlite+aiosqlite`` with a file."""


class ConnectionBudgetExceeded(DatabaseError):
    """The pool asks for more connections than the server has left."""


class SchemaMismatch(DatabaseError):
    """The database lacks something that is needed.

    Attributes:
        table: The table that is missing or that is not as needed.
        column: The column, empty where the table itself is the matter.
    """

    def __init__(self, message: str, *, table: str, column: str = "") -> None:
        super().__init__(message)
        self.table = table
        self.column = column


class ConfigError(DatabaseError):
    """The CloudStack configuration of a context cannot be told."""


class NoActiveConfig(ConfigError):
    """The context names no configuration and no row of ``ossea_configs`` is active."""


class SeveralActiveConfigs(ConfigError):
    """The context names no configuration and several rows are active.

    Attributes:
        names: Their names, in the order of their ids.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            "the VM context names no ossea_configs row and several are active: "
            f"{', '.join(names)}; set ossea_config_id on the context or leave one row active"
        )
        self.names = tuple(names)


class UnknownConfig(ConfigError):
    """The configuration that was asked for does not exist."""


class CredentialError(DatabaseError):
    """A stored secret cannot be used."""


class EncryptionKeyInvalid(CredentialError):
    """The encryption key is not base64 of 32 bytes."""


class CredentialUnreadable(CredentialError):
    """A stored secret does not decrypt, or no key is configured to decrypt it with."""


class CredentialInactive(CredentialError):
    """The context names a credential that was switched off."""


class UnknownCredential(CredentialError):
    """The credential that the context names does not exist."""


class SeveralDefaultCredentials(CredentialError):
    """The context names no credential and several rows are marked as default."""


class StoredNicsUnreadable(DatabaseError):
    """The stored NICs of a VM are not the JSON array of NICs that the VMA gives."""


class UnknownRun(DatabaseError):
    """Nothing was begun under this workflow id."""
