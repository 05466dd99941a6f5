"""The OpenAPI document: schemathesis finds no fault, and it says what the code does."""

import asyncio
import sys
from pathlib import Path

from tests.api.api_server import ApiServer, serve_api
from tests.support.site import Site

_EXAMPLES = "20"
_PATIENCE = 150


async def _schemathesis(server: ApiServer, folder: Path, *arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("st")),
        "run",
        f"{server.url}/openapi.json",
        "--max-examples",
        _EXAMPLES,
        "--seed",
        "1",
        "--phases",
        "examples,coverage,fuzzing",
        *arguments,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _PATIENCE)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, output.decode()


async def test_schemathesis_finds_no_fault_with_the_open_api(site: Site, tmp_path: Path) -> None:
    settings = {"FAILOVER_API_RATE_PER_MINUTE": 1_000_000, "FAILOVER_API_BURST": 1_000_000}
    async with serve_api(site, settings=settings) as server:
        code, output = await _schemathesis(server, tmp_path)
    assert code == 0, output
