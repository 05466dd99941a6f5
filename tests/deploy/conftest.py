"""What the tests of the deployment share."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.compose import PROFILE, REQUIRED, find_compose, read_compose_file, resolved
from tests.support.image import fill


def pytest_collection_finish(session: pytest.Session) -> None:
    """Install docker-compose before the first test runs: that may take longer than a test may."""
    if not session.config.option.collectonly:
        find_compose()


@pytest.fixture(scope="session")
def written() -> dict[str, Any]:
    """The services as the file writes them."""
    services: dict[str, Any] = read_compose_file()["services"]
    return services


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The services as docker-compose sees them, with the required values and the profile."""
    document = resolved(REQUIRED, folder=tmp_path_factory.mktemp("compose"), profile=PROFILE)
    found: dict[str, Any] = document["services"]
    return found


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder /app as a build makes it."""
    app = tmp_path_factory.mktemp("image") / "app"
    app.mkdir()
    fill(app)
    return app
