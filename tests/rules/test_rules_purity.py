"""What an import brings along: the rules are pure, and so is the runbook."""

import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import rules

ROOT = Path(__file__).resolve().parents[2]
PYDANTIC = {"pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection"}
NEVER_IN_A_WORKFLOW = {
    "sqlalchemy",
    "aiohttp",
    "asyncmy",
    "aiosqlite",
    "alembic",
    "cryptography",
    "database",
    "cloudstack",
    "vma",
    "settings",
    "simulators",
}
_PROBE = """
import importlib, json, sys
before = set(sys.modules)
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    importlib.import_module(name)
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""


def imported_by(*modules: str) -> set[str]:
    """Return the top-level names that a fresh interpreter loads for these modules."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", _PROBE, str(ROOT), *modules], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


def test_the_rules_import_nothing_but_the_standard_library_and_pydantic() -> None:
    modules = [f"rules.{found.name}" for found in pkgutil.iter_modules(rules.__path__)]

    found = imported_by(*modules)

    assert {"rules", "pydantic"} <= found
    # The interpreter's own build data has a name of the platform's.
    other = {name for name in found if not name.startswith("_sysconfigdata")}
    assert other - sys.stdlib_module_names - PYDANTIC == {"rules"}


def test_the_workflow_imports_no_database_and_no_network_client() -> None:
    found = imported_by("workflows.failover")

    assert {"workflows", "rules", "temporalio"} <= found
    assert not found & NEVER_IN_A_WORKFLOW
