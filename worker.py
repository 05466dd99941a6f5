"""The worker: puts settings, clients, activities and the workflow together, and runs them until told to stop.

Exit codes: 0 after SIGTERM or SIGINT, 2 for settings that cannot work, 1 when the worker itself failed.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp
import structlog
from temporalio.client import Client
from temporalio.worker import Worker

from activities.clouds import Clouds, CloudStackOptions
from activities.connection import TemporalUnusable, connect_temporal
from activities.context import ContextActivities
from activities.create_vm import CreateVMActivities
from activities.destination import DestinationActivities
from activities.failure_log import FailureLog
from activities.gone_vms import GoneVMActivities
from activities.jobs import JobActivities
from activities.lease import LeaseActivities
from activities.mappings import MappingActivities
from activities.network_config_provider import NetworkConfigProvider
from activities.networks import NetworkActivities
from activities.owner import OwnerActivities
from activities.record import RecordActivities
from activities.remove_vm import RemoveVMActivities
from activities.run_vm import RunVMActivities
from activities.search_attributes import register_search_attributes
from activities.source import SourceActivities
from activities.stored_source import StoredSourceActivities
from activities.tenure import Tenure
from cloudstack import Owner
from database import (
    CloudStackKeys,
    ContextRepository,
    CredentialCipher,
    CredentialRepository,
    Database,
    DatabaseError,
    DestinationConfigRepository,
    LeaseRepository,
    NetworkMappingRepository,
    RunRepository,
    StoredNicRepository,
    migrate,
)
from settings import SettingsError, WorkerSettings, load_settings
from settings.exits import exit_with, give_up
from settings.logs import configure_logs
from vma import VmaClient
from workflows.explain import ExplainWorkflow
from workflows.failover import FailoverWorkflow
from workflows.mappings import ListMappingsWorkflow
from workflows.surface import SEARCH_ATTRIBUTES

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def make_activities(
    settings: WorkerSettings, client: Client
) -> AsyncIterator[Sequence[Callable[..., Any]]]:
    """Open database, CloudStack and VMA, and yield the activities on them."""
    cipher = CredentialCipher(settings.credential_key.get_secret_value())
    url = settings.database_url.get_secret_value()
    await migrate(url)
    database = await Database.open(url, pool_size=settings.database_pool_size)
    configs = DestinationConfigRepository(database, cipher)
    clouds = Clouds(configs.keys, _own_keys(settings), _cloudstack_options(settings))
    mappings, contexts = NetworkMappingRepository(database), ContextRepository(database)
    runs, leases = RunRepository(database), LeaseRepository(database)
    leasing, owners = LeaseActivities(leases, runs), OwnerActivities(client)
    try:
        async with aiohttp.ClientSession() as session:
            vma = VmaClient(str(settings.vma_url), session, timeout_seconds=settings.vma_timeout)
            source = SourceActivities(vma, CredentialRepository(database, cipher), _own_credential(settings))
            networks = NetworkActivities(NetworkConfigProvider(mappings))
            running = RunVMActivities(clouds, networks.guard_networks)
            record = RecordActivities(runs, mappings, contexts, leases)
            yield [
                ContextActivities(contexts, configs, settings.policy).load_context,
                leasing.acquire,
                leasing.release,
                owners.describe_owner,
                source.discover_source,
                StoredSourceActivities(StoredNicRepository(database), mappings).load_stored_source,
                networks.resolve_network,
                networks.guard_networks,
                MappingActivities(contexts, mappings).list_mappings,
                DestinationActivities(clouds).check_destination,
                GoneVMActivities(clouds).find_gone_vms,
                CreateVMActivities(clouds, Tenure(leasing, owners, runs), networks.guard_networks).create_vm,
                JobActivities(clouds).wait_for_job,
                running.start_vm,
                running.verify_vm,
                RemoveVMActivities(clouds).remove_vm,
                record.begin_run,
                record.record_start,
                record.begin_undo,
                record.record_plan,
                record.record_vm,
                record.finish_run,
            ]
    finally:
        await clouds.close()
        await database.close()


def make_worker(settings: WorkerSettings, client: Client, activities: Sequence[Callable[..., Any]]) -> Worker:
    """Build the worker of the task queue, ``failover`` unless a setting says otherwise."""
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=[FailoverWorkflow, ExplainWorkflow, ListMappingsWorkflow],
        activities=activities,
        interceptors=[FailureLog()],
        max_concurrent_activities=settings.max_concurrent_activities,
        graceful_shutdown_timeout=timedelta(seconds=settings.graceful_shutdown),
    )


async def run(settings: WorkerSettings) -> None:
    """Run until SIGTERM or SIGINT, then let running activities end."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    client = await connect_temporal()
    await register_search_attributes(client, SEARCH_ATTRIBUTES)
    async with make_activities(settings, client) as activities:
        worker = make_worker(settings, client, activities)
        running = asyncio.create_task(worker.run())
        stopping = asyncio.create_task(stop.wait())
        _log.info("worker_started", task_queue=settings.task_queue, namespace=client.namespace)
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not running.done():
            _log.info("worker_draining", seconds=settings.graceful_shutdown)
            await worker.shutdown()
        await running  # raises what ended the worker, if anything did
    _log.info("worker_stopped")


def main() -> int:
    """Run the worker as a process."""
    try:
        settings = load_settings()
    except SettingsError as error:
        return give_up("The worker cannot start. Wrong settings:", *error.problems)
    configure_logs(settings.log_format)
    try:
        asyncio.run(run(settings))
    except (DatabaseError, TemporalUnusable) as error:
        return give_up("The worker cannot start.", *str(error).splitlines())
    except RuntimeError as error:
        return give_up("The worker failed.", str(error), code=1)
    return 0


def _own_keys(settings: WorkerSettings) -> CloudStackKeys | None:
    if not (settings.cloudstack_endpoint and settings.cloudstack_key and settings.cloudstack_secret):
        return None
    return CloudStackKeys(
        str(settings.cloudstack_endpoint),
        settings.cloudstack_key.get_secret_value(),
        settings.cloudstack_secret.get_secret_value(),
    )


def _own_credential(settings: WorkerSettings) -> tuple[str, str] | None:
    if not settings.vcenter_username:
        return None
    return settings.vcenter_username, settings.vcenter_password.get_secret_value()


def _cloudstack_options(settings: WorkerSettings) -> CloudStackOptions:
    return CloudStackOptions(
        owner=Owner(
            account=settings.owner_account or None,
            domain_id=settings.owner_domain_id or None,
            project_id=settings.owner_project_id or None,
        ),
        ca_file=settings.cloudstack_ca_file,
        timeout=settings.cloudstack_timeout,
        job_poll=settings.job_poll,
    )


if __name__ == "__main__":
    exit_with(main())
