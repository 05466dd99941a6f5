"""The contract suite as a process: whom it runs against, and what it leaves there."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from embedded.environment import PROJECT_ROOT
from simulators.cloudstack import CloudStackSimulator, Credentials, Fault, FaultKind, Latency, sample
from tests.contract.raw_api import RawApi
from tests.contract.site import UnfitError, explored
from tests.contract.target import NAMES, KeyPair, TargetRefusedError, named_target

KEYS = {"CLOUDSTACK_CONTRACT_KEY": sample.ADMIN.key, "CLOUDSTACK_CONTRACT_SECRET": sample.ADMIN.secret}
PLAIN = {
    "CLOUDSTACK_CONTRACT_PLAIN_KEY": sample.PLAIN.key,
    "CLOUDSTACK_CONTRACT_PLAIN_SECRET": sample.PLAIN.secret,
}
LEAVE = {"CLOUDSTACK_CONTRACT_MAY_DESTROY": "127.0.0.1"}
REFUSED, FAILED, PASSED = 4, 1, 0


@dataclass(frozen=True)
class Ran:
    """A run of the suite that has ended."""

    code: int
    output: str


class Server:
    """A CloudStack that is none of the suite's own making."""

    def __init__(self, simulator: CloudStackSimulator) -> None:
        self.sim = simulator

    async def run(self, *arguments: str, where: str = "tests/contract", **settings: str) -> Ran:
        """Run the suite against it, in a process."""
        environment = {**os.environ, "CLOUDSTACK_CONTRACT_ENDPOINT": self.sim.endpoint, **settings}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "pytest", where, "-p", "no:cacheprovider", *arguments,
            cwd=PROJECT_ROOT, env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode is not None
        return Ran(process.returncode, output.decode())

    def there(self) -> dict[str, set[str]]:
        """What there is, by id."""
        world = self.sim.world
        kinds: Mapping[str, Mapping[str, Any]] = {
            "networks": world.networks,
            "vms": world.vms,
            "volumes": world.volumes,
            "snapshots": world.snapshots,
        }
        return {
            kind: {item_id for item_id, item in items.items() if not item.removed}
            for kind, items in kinds.items()
        }


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    simulator = CloudStackSimulator(latency=Latency(start=0.2))
    lan = simulator.world.networks[sample.PROD_LAN_ID]
    simulator.world.add_vm("somebody-elses", [lan])
    simulator.world.add_disk("contract-of-somebody-else")
    await simulator.start()
    yield Server(simulator)
    await simulator.stop()


async def test_a_named_server_is_tested_and_left_as_it_was(server: Server) -> None:
    before = server.there()

    ran = await server.run("-k", "root_swap or customids or client", **KEYS, **PLAIN, **LEAVE)

    assert ran.code == PASSED, ran.output
    assert server.sim.endpoint in ran.output
    assert "skipped" not in ran.output
    assert server.there() == before
    assert [call for call in server.sim.calls_of("deployVirtualMachine") if call.status == 200]
    assert not {sample.PROD_LAN_ID, sample.PROD_DMZ_ID, sample.TEST_LAN_ID} & {
        value for call in server.sim.calls for value in call.params.values()
    }, "it uses networks of its own only"


async def test_without_an_ordinary_users_key_its_tests_are_skipped_with_that_reason(server: Server) -> None:
    ran = await server.run("-k", "customids or accounts", **KEYS, **LEAVE)

    assert ran.code == PASSED, ran.output
    assert "no ordinary user's key: set CLOUDSTACK_CONTRACT_PLAIN_KEY" in ran.output


async def test_without_leave_nothing_is_sent(server: Server) -> None:
    ran = await server.run(**KEYS)

    assert ran.code == REFUSED
    assert "set CLOUDSTACK_CONTRACT_MAY_DESTROY=127.0.0.1" in ran.output
    assert server.sim.calls == []
    assert sample.ADMIN.secret not in ran.output


async def test_what_a_failed_test_made_is_removed_too_and_its_fact_is_named(server: Server) -> None:
    before = server.there()
    server.sim.faults.add(Fault("attachVolume", FaultKind.JOB_FAILS, times=None))

    ran = await server.run("-k", "test_a_vm_runs_on_the_root_that_was_put_in", **KEYS, **LEAVE)

    assert ran.code == FAILED
    assert "cloudstack-observed.md, section 9" in ran.output
    assert "could not be removed" not in ran.output
    assert server.there() == before


async def test_what_cannot_be_removed_is_reported(server: Server) -> None:
    server.sim.faults.add(Fault("deleteNetwork", FaultKind.JOB_FAILS, times=None, text="kept by a test"))

    ran = await server.run("-k", "test_a_network_needs_an_offering or networks_may_share", **KEYS, **LEAVE)

    assert ran.code == FAILED
    assert "could not be removed:" in ran.output
    # Two networks of one name; said twice where pytest repeats a failure in its summary, as it does under CI.
    assert len(set(re.findall(r"(\S+) \([\w-]+\): job 530 kept by a test", ran.output))) == 2


@pytest.mark.parametrize(
    ("keys", "template", "missing"),
    (
        (sample.PLAIN, True, "CLOUDSTACK_CONTRACT_KEY has to be a root admin's"),
        (sample.ADMIN, False, "there is no ready template without a password here"),
    ),
    ids=("no root admin", "no template"),
)
async def test_a_server_that_does_not_fit_is_told_so(
    server: Server, keys: Credentials, missing: str, *, template: bool
) -> None:
    if not template:
        server.sim.world.templates.pop(sample.TEMPLATE_ID)

    async with aiohttp.ClientSession() as session:
        api = RawApi(server.sim.endpoint, session, KeyPair(keys.key, keys.secret))
        with pytest.raises(UnfitError, match=missing):
            await explored(api)


async def test_a_session_of_all_tests_takes_the_bundled_simulator(server: Server) -> None:
    # Most files are not even imported, to be quick.
    only = ("--ignore-glob=*/test_[!c]*", "-k", "test_networks_may_share_a_name")

    ran = await server.run(*only, where="tests", **KEYS, **LEAVE)

    assert ran.code == PASSED, ran.output
    assert "1 passed" in ran.output
    assert server.sim.calls == []


@pytest.mark.parametrize(
    ("changes", "message"),
    (
        ({"CLOUDSTACK_CONTRACT_SECRET": None}, "set CLOUDSTACK_CONTRACT_SECRET too"),
        ({"CLOUDSTACK_CONTRACT_ENDPOINT": None}, "set CLOUDSTACK_CONTRACT_ENDPOINT too"),
        ({"CLOUDSTACK_CONTRACT_PLAIN_KEY": "made-up"}, "set both or neither"),
        ({"CLOUDSTACK_CONTRACT_SECERT": "made-up"}, "unknown: CLOUDSTACK_CONTRACT_SECERT"),
        ({"CLOUDSTACK_CONTRACT_ENDPOINT": "cloud.example.com"}, "must be an http"),
        ({"CLOUDSTACK_CONTRACT_ENDPOINT": "https://u:p@cloud.example.com/client/api"}, "without user"),
        ({"CLOUDSTACK_CONTRACT_MAY_DESTROY": "yes"}, "MAY_DESTROY=cloud.example.com"),
        ({"CLOUDSTACK_CONTRACT_MAY_DESTROY": None}, "MAY_DESTROY=cloud.example.com"),
    ),
)
def test_half_a_target_is_refused(changes: Mapping[str, str | None], message: str) -> None:
    good = {
        **KEYS,
        "CLOUDSTACK_CONTRACT_ENDPOINT": "https://Cloud.example.com:8443/client/api",
        "CLOUDSTACK_CONTRACT_MAY_DESTROY": "cloud.example.com",
    }
    target = named_target(good)
    assert target is not None
    assert sample.ADMIN.secret not in repr(target)
    changed = {name: value for name, value in {**good, **changes}.items() if value is not None}

    with pytest.raises(TargetRefusedError, match=message) as refusal:
        named_target(changed)

    assert sample.ADMIN.key not in str(refusal.value)


def test_without_any_setting_there_is_no_target() -> None:
    assert named_target({}) is None


def test_make_test_forgets_the_settings_and_make_contract_keeps_them() -> None:
    make = shutil.which("make")
    assert make is not None

    def recipe(target: str) -> str:
        command = [make, "--no-print-directory", "-n", target]
        return subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True).stdout

    assert all(f"-u {name} " in recipe("test") for name in NAMES)
    assert "-m pytest tests/contract" in recipe("contract")
    assert not any(name in recipe("contract") for name in NAMES)
