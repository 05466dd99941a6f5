"""What a build of the Dockerfile puts where, without a container engine."""

import fnmatch
import re
import shutil
from pathlib import Path
from typing import Final

from embedded.environment import PROJECT_ROOT

DOCKERFILE: Final = (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8")
COPIED: Final = [
    (source, target)
    for source, target in re.findall(r"^COPY (?!--from)(\S+) (\S+)$", DOCKERFILE, re.MULTILINE)
]


def let_through(path: str) -> bool:
    """Apply ``.dockerignore``: the last line that matches decides, and a folder stands for all below it."""
    ignored = False
    for line in (PROJECT_ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        parts = path.split("/")
        prefixes = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        if pattern.startswith("**/"):
            matches = any(fnmatch.fnmatchcase(part, pattern.removeprefix("**/")) for part in parts)
        else:
            matches = any(fnmatch.fnmatchcase(prefix, pattern) for prefix in prefixes)
        if matches:
            ignored = not line.startswith("!")
    return not ignored


def fill(app: Path) -> None:
    """Copy into a folder what a build copies into /app."""
    for source, target in COPIED:
        if target.startswith("/"):
            continue
        files = [PROJECT_ROOT / source]
        if files[0].is_dir():
            files = [path for path in files[0].rglob("*") if path.is_file()]
        for file in files:
            relative = file.relative_to(PROJECT_ROOT)
            if let_through(relative.as_posix()):
                (app / relative).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, app / relative)
