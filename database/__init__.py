"""The database: the appliance's tables and the job sheet's, and our own ``failover_*`` tables beside them.

Open a :class:`Database` once per process and hand it to the repositories. ``migrate`` has to have run before;
it never alters an existing table.
"""

from database.configs import CloudStackKeys, DestinationConfigRepository
from database.contexts import ContextRepository
from database.credentials import CredentialRepository, VCenterCredential
from database.crypto import CredentialCipher
from database.engine import Database
from database.errors import (
    ConfigError,
    ConnectionBudgetExceeded,
    CredentialError,
    CredentialInactive,
    CredentialUnreadable,
    DatabaseError,
    DatabaseUnavailable,
    EncryptionKeyInvalid,
    NoActiveConfig,
    SchemaMismatch,
    SeveralActiveConfigs,
    SeveralDefaultCredentials,
    StoredNicsUnreadable,
    UnknownConfig,
    UnknownCredential,
    UnknownRun,
    UnsupportedDatabase,
)
from database.leases import LeaseAnswer, LeaseRepository, context_resource, name_resource
from database.migrations import migrate
from database.network_mappings import NetworkMappingRepository, ProductionUse, ResolutionRows
from database.replicas import ReplicaRepository, ReplicaState
from database.replication import ReplicationRepository
from database.run_records import Ending, PreviousRun, RunRecord, RunStart, RunState, VmState
from database.runs import RunRepository
from database.schema import SchemaFeatures, SchemaGeneration
from database.stored_nics import StoredNicRepository

__all__ = [
    "CloudStackKeys",
    "ConfigError",
    "ConnectionBudgetExceeded",
    "ContextRepository",
    "CredentialCipher",
    "CredentialError",
    "CredentialInactive",
    "CredentialRepository",
    "CredentialUnreadable",
    "Database",
    "DatabaseError",
    "DatabaseUnavailable",
    "DestinationConfigRepository",
    "EncryptionKeyInvalid",
    "Ending",
    "LeaseAnswer",
    "LeaseRepository",
    "NetworkMappingRepository",
    "NoActiveConfig",
    "PreviousRun",
    "ProductionUse",
    "ReplicaRepository",
    "ReplicaState",
    "ReplicationRepository",
    "ResolutionRows",
    "RunRecord",
    "RunRepository",
    "RunStart",
    "RunState",
    "SchemaFeatures",
    "SchemaGeneration",
    "SchemaMismatch",
    "SeveralActiveConfigs",
    "SeveralDefaultCredentials",
    "StoredNicRepository",
    "StoredNicsUnreadable",
    "UnknownConfig",
    "UnknownCredential",
    "UnknownRun",
    "UnsupportedDatabase",
    "VCenterCredential",
    "VmState",
    "context_resource",
    "migrate",
    "name_resource",
]
