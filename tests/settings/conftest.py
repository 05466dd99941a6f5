import os
from pathlib import Path

import pytest

from tests.settings.catalogue import ALL


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Start without any setting, in an empty folder, with the one that is required."""
    known = {name.lower() for name in ALL}
    for name in list(os.environ):
        if name.lower() in known:
            monkeypatch.delenv(name)
    monkeypatch.setenv("FAILOVER_DATABASE_URL", "sqlite+aiosqlite:///failover.sqlite")
    monkeypatch.chdir(tmp_path)
    return tmp_path
