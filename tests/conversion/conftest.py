import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conversion.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A machine with one disk."""
    return Bench(tmp_path)


@pytest.fixture
def loop_device(tmp_path: Path) -> Iterator[Path]:
    """A real block device; only root on a machine of its own can make one."""
    image = tmp_path / "loop.img"
    image.write_bytes(bytes(1024 * 1024))
    try:
        made = subprocess.run(
            ["losetup", "--find", "--show", str(image)],  # noqa: S607 - wherever it is installed
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("loop devices cannot be made here")
    device = Path(made.stdout.strip())
    yield device
    subprocess.run(["losetup", "--detach", str(device)], check=True)  # noqa: S607 - wherever it is installed
