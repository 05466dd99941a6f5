"""The contract with CloudStack: what this product relies on, one test per fact."""

import secrets
from collections.abc import AsyncIterator, Generator
from pathlib import Path

import aiohttp
import pytest

from simulators.cloudstack import CloudStackSimulator, Latency, sample
from tests.contract.cloud import Cloud
from tests.contract.ledger import Ledger
from tests.contract.raw_api import RawApi
from tests.contract.site import UnfitError, explored
from tests.contract.target import ENVIRONMENT, KeyPair, Target, TargetRefusedError, named_target

_HERE = Path(__file__).parent
_NO_PLAIN_KEY = (
    "no ordinary user's key: set CLOUDSTACK_CONTRACT_PLAIN_KEY and CLOUDSTACK_CONTRACT_PLAIN_SECRET"
)
# Starts and snapshots last long enough for a test to see that they are under way.
_LATENCY = Latency(start=0.5, snapshot=0.1)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a target that nobody gave the suite leave to change, before anything is sent."""
    config.addinivalue_line(
        "markers", "observed(section, fact): what of cloudstack-observed.md the test rests on"
    )
    try:
        named_target(ENVIRONMENT)
    except TargetRefusedError as refusal:
        raise pytest.UsageError(f"contract suite: {refusal}") from None


def pytest_report_header() -> str:
    """Say whom it is about, in a session of this suite alone."""
    target = named_target(ENVIRONMENT)
    return f"contract: {'the bundled simulator' if target is None else target.endpoint}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Require of each test here that it names the fact it rests on."""
    for item in items:
        if item.path.is_relative_to(_HERE) and item.get_closest_marker("observed") is None:
            raise pytest.UsageError(f"{item.nodeid} does not say which observed fact it rests on")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Name the fact beside the failure of its test."""
    report = yield
    marker = item.get_closest_marker("observed")
    if report.failed and marker is not None and item.path.is_relative_to(_HERE):
        section, fact = marker.args
        report.sections.append(("rests on", f"cloudstack-observed.md, section {section}: {fact}"))
    return report


@pytest.fixture(scope="session")
async def target() -> AsyncIterator[Target]:
    """The CloudStack to talk to: the one that the environment names, or a simulator of our own."""
    named = named_target(ENVIRONMENT)
    if named is not None:
        yield named
        return
    simulator = CloudStackSimulator(latency=_LATENCY)
    await simulator.start()
    yield Target(
        simulator.endpoint,
        admin=KeyPair(sample.ADMIN.key, sample.ADMIN.secret),
        plain=KeyPair(sample.PLAIN.key, sample.PLAIN.secret),
    )
    await simulator.stop()


@pytest.fixture(scope="session")
async def cloud(target: Target) -> AsyncIterator[Cloud]:
    """The target with what was found there; whatever the tests make is removed in the end."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        api = RawApi(target.endpoint, session, target.admin)
        try:
            site = await explored(api)
        except UnfitError as reason:
            pytest.fail(f"this CloudStack cannot be tested: {reason}", pytrace=False)
        ledger = Ledger(api, prefix=f"contract-{secrets.token_hex(4)}-")
        yield Cloud(api, site, ledger, target.plain)
        left = await ledger.clean()
        if left:
            pytest.fail("\n".join(["could not be removed:", *left]), pytrace=False)


@pytest.fixture
def plain(cloud: Cloud) -> KeyPair:
    """An ordinary user's keys."""
    if cloud.plain is None:
        pytest.skip(_NO_PLAIN_KEY)
    return cloud.plain


@pytest.fixture(scope="session")
async def lan(cloud: Cloud) -> str:
    """An L2 network for whatever needs one."""
    return await cloud.network()


@pytest.fixture(scope="session")
async def dmz(cloud: Cloud) -> str:
    """Another one."""
    return await cloud.network()


@pytest.fixture(scope="session")
async def isolated(cloud: Cloud) -> str:
    """An isolated network, which hands out addresses. No VM on it is ever started: that makes a router."""
    return await cloud.network(isolated=True)


@pytest.fixture(scope="session")
async def stopped_vm(cloud: Cloud, lan: str) -> str:
    """A VM that was never started, to be looked at and not changed."""
    return await cloud.deployed(lan)


@pytest.fixture(scope="session")
async def running_vm(cloud: Cloud, lan: str) -> str:
    """A Running VM, to be looked at and not changed."""
    return await cloud.running(lan)


@pytest.fixture(scope="session")
async def golden_snapshot(cloud: Cloud, lan: str) -> str:
    """A snapshot of the root volume of a VM that ran once: what stands for a replicated disk is cloned."""
    vm_id = await cloud.running(lan)
    await cloud.done("stopVirtualMachine", id=vm_id)
    return await cloud.snapshot((await cloud.root_of(vm_id))["id"])


@pytest.fixture
async def expunged_vm(cloud: Cloud, lan: str) -> str:
    """The id of a VM that was expunged."""
    vm_id = await cloud.deployed(lan)
    await cloud.done("destroyVirtualMachine", id=vm_id, expunge="true")
    return vm_id
