"""The command line, on the site of the test."""

from pathlib import Path

import pytest

from tests.cli.command import FailoverCommand
from tests.support.site import Site


@pytest.fixture
def failover(site: Site, tmp_path: Path) -> FailoverCommand:
    """``failover``, ready to be run."""
    return FailoverCommand(site, tmp_path)
