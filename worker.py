"""The worker: puts settings, clients, activities and the workflow together, and runs them until told to stop.

With ``FAILOVER_CONVERSION_APPLIANCE_ID`` it is a conversion worker instead: it serves that appliance's own
task queue, and needs neither database nor keys.

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

from activities.aftermath import AftermathActivities
from activities.check_guest import CheckGuestActivities
from activities.clones import CreateCloneActivities
from activities.clouds import Clouds, CloudStackOptions
from activities.connection import TemporalUnusable, connect_temporal
from activities.context import ContextActivities
from activities.conversion import ConversionActivities
from activities.create_vm import CreateVMActivities
from activities.destination import DestinationActivities
from activities.failure_log import FailureLog
from activities.fence import FenceActivities
from activities.final_sync import FinalSyncActivities
from activities.gone_vms import GoneVMActivities
from activities.inspect_storage import InspectStorageActivities
from activities.jobs import JobActivities
from activities.lease import LeaseActivities
from activities.mappings import MappingActivities
from activities.move_disk import MoveDiskActivities
from activities.network_config_provider import NetworkConfigProvider
from activities.networks import NetworkActivities
from activities.owner import OwnerActivities
from activities.preflight import PreflightActivities
from activities.record import RecordActivities
from activities.remove_clones import RemoveClonesActivities
from activities.remove_vm import RemoveVMActivities
from activities.renew_lease import RenewLeaseActivities
from activities.replica_mark import ReplicaMarkActivities
from activities.replication_facts import ReplicationFactsActivities
from activities.revert_disk import RevertDiskActivities
from activities.run_vm import RunVMActivities
from activities.search_attributes import register_search_attributes
from activities.snapshots import SnapshotActivities
from activities.source import SourceActivities
from activities.source_power import SourcePowerActivities
from activities.stop_vm import StopVMActivities
from activities.stored_source import StoredSourceActivities
from activities.template_root import TemplateRootActivities
from activities.tenure import Tenure
from activities.verify_disks import VerifyDisksActivities
from activities.watch_sync import WatchSyncActivities
from cloudstack import Owner
from conversion import Converter, Places
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
    ReplicaRepository,
    ReplicationRepository,
    RunRepository,
    StoredNicRepository,
    migrate,
)
from replication import ReplicationClient
from rules.temporal_names import conversion_queue
from settings import SettingsError, WorkerSettings, load_settings
from settings.conversion import ConversionSettings, load_conversion_settings
from settings.exits import exit_with, give_up
from settings.logs import configure_logs
from vma import VmaClient
from volume_daemon import VolumeDaemonClient
from workflows.cleanup import CleanupWorkflow
from workflows.commit import CommitWorkflow
from workflows.explain import ExplainWorkflow
from workflows.failover import FailoverWorkflow
from workflows.mappings import ListMappingsWorkflow
from workflows.preflight_question import PreflightWorkflow
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
            credentials = CredentialRepository(database, cipher)
            source = SourceActivities(vma, credentials, _own_credential(settings))
            daemon = _volume_daemon(settings, session)
            networks = NetworkActivities(NetworkConfigProvider(mappings))
            running = RunVMActivities(clouds, networks.guard_networks)
            record = RecordActivities(runs, mappings, contexts, leases)
            yield [
                ContextActivities(contexts, configs, settings.policy).load_context,
                leasing.acquire,
                leasing.release,
                leasing.find_holder,
                owners.describe_owner,
                source.discover_source,
                StoredSourceActivities(StoredNicRepository(database), mappings).load_stored_source,
                networks.resolve_network,
                networks.guard_networks,
                MappingActivities(contexts, mappings).list_mappings,
                DestinationActivities(clouds).check_destination,
                GoneVMActivities(clouds).find_gone_vms,
                CreateVMActivities(clouds, Tenure(leasing, owners, runs), networks.guard_networks).create_vm,
                JobActivities(clouds, daemon).wait_for_job,
                running.start_vm,
                running.verify_vm,
                RemoveVMActivities(clouds).remove_vm,
                record.begin_run,
                record.record_start,
                record.record_held,
                record.begin_undo,
                record.record_plan,
                record.record_vm,
                record.finish_run,
                *_replication_activities(settings, session, database, vma, credentials),
                *_disk_activities(settings, clouds, daemon),
                *_aftermath_activities(runs, contexts, leases, ReplicaRepository(database)),
            ]
    finally:
        await clouds.close()
        await database.close()


def _replication_activities(
    settings: WorkerSettings,
    session: aiohttp.ClientSession,
    database: Database,
    vma: VmaClient,
    credentials: CredentialRepository,
) -> Sequence[Callable[..., Any]]:
    replication, replicas = ReplicationRepository(database), ReplicaRepository(database)
    client = _replication_client(settings, session)
    fence, mark = (
        FenceActivities(replicas, replication, RunRepository(database)),
        ReplicaMarkActivities(replicas),
    )
    own = _own_credential(settings)
    power = SourcePowerActivities(vma, credentials, own)
    return [
        ReplicationFactsActivities(replication).load_replication,
        fence.fence_replication,
        fence.check_fence,
        fence.release_fence,
        mark.mark_replica,
        mark.clear_change_ids,
        mark.record_snapshots,
        FinalSyncActivities(client, replication.facts, vma, credentials, own).start_sync,
        WatchSyncActivities(client, replication.facts).watch_sync,
        power.read_source_power,
        power.power_off_source,
        power.power_on_source,
    ]


def _disk_activities(
    settings: WorkerSettings, clouds: Clouds, daemon: VolumeDaemonClient | None
) -> Sequence[Callable[..., Any]]:
    snapshots, template = SnapshotActivities(clouds), TemplateRootActivities(clouds)
    return [
        InspectStorageActivities(clouds).inspect,
        PreflightActivities().judge,
        snapshots.create_snapshot,
        snapshots.remove_snapshots,
        CreateCloneActivities(clouds).create_clone,
        RemoveClonesActivities(clouds).remove_clones,
        MoveDiskActivities(clouds, daemon).move_disk,
        RevertDiskActivities(clouds).revert_disk,
        template.find_template_root,
        template.remove_volume,
        StopVMActivities(clouds).stop_vm,
        RenewLeaseActivities(clouds).renew_lease,
        VerifyDisksActivities(clouds).verify_disks,
        CheckGuestActivities(settings.check_words).check_guest,
    ]


def _aftermath_activities(
    runs: RunRepository, contexts: ContextRepository, leases: LeaseRepository, replicas: ReplicaRepository
) -> Sequence[Callable[..., Any]]:
    aftermath = AftermathActivities(runs, contexts, leases, replicas)
    return [aftermath.record_end, aftermath.source_returned, aftermath.describe_drill]


def make_worker(settings: WorkerSettings, client: Client, activities: Sequence[Callable[..., Any]]) -> Worker:
    """Build the worker of the task queue, ``failover`` unless a setting says otherwise."""
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=[
            FailoverWorkflow,
            CleanupWorkflow,
            CommitWorkflow,
            PreflightWorkflow,
            ExplainWorkflow,
            ListMappingsWorkflow,
        ],
        activities=activities,
        interceptors=[FailureLog()],
        max_concurrent_activities=settings.max_concurrent_activities,
        graceful_shutdown_timeout=timedelta(seconds=settings.graceful_shutdown),
    )


def make_conversion_worker(settings: ConversionSettings, client: Client) -> Worker:
    """Build the worker of one appliance's queue: the conversion of guests, and nothing else."""
    converter = Converter(
        command=settings.command_words,
        grace=settings.grace,
        patience=settings.patience,
        not_needed_code=settings.not_needed_code,
        places=Places(devices=str(settings.device_directory), locks=str(settings.lock_directory)),
    )
    if problem := converter.problem():
        # It serves all the same: its answer to the preflight is where the problem is seen.
        _log.warning("conversion_unavailable", problem=problem)
    converting = ConversionActivities(converter, settings.appliance_id, client, parallel=settings.parallel)
    return Worker(
        client,
        task_queue=conversion_queue(settings.appliance_id),
        activities=[converting.probe, converting.convert],
        interceptors=[FailureLog()],
        graceful_shutdown_timeout=timedelta(seconds=settings.graceful_shutdown),
    )


async def run(settings: WorkerSettings) -> None:
    """Run until SIGTERM or SIGINT, then let running activities end."""
    stop = _stopped_by_signal()
    client = await connect_temporal()
    await register_search_attributes(client, SEARCH_ATTRIBUTES)
    async with make_activities(settings, client) as activities:
        worker = make_worker(settings, client, activities)
        await _work(worker, stop, settings.task_queue, client.namespace, settings.graceful_shutdown)


async def run_conversions(settings: ConversionSettings) -> None:
    """Convert guests until SIGTERM or SIGINT; a conversion that outlasts the shutdown's time is ended."""
    stop = _stopped_by_signal()
    client = await connect_temporal()
    worker = make_conversion_worker(settings, client)
    queue = conversion_queue(settings.appliance_id)
    await _work(worker, stop, queue, client.namespace, settings.graceful_shutdown)


def main() -> int:
    """Run the worker as a process."""
    settings: WorkerSettings | ConversionSettings
    try:
        settings = load_conversion_settings() or load_settings()
    except SettingsError as error:
        return give_up("The worker cannot start. Wrong settings:", *error.problems)
    configure_logs(settings.log_format)
    try:
        asyncio.run(run_conversions(settings) if isinstance(settings, ConversionSettings) else run(settings))
    except (DatabaseError, TemporalUnusable) as error:
        return give_up("The worker cannot start.", *str(error).splitlines())
    except RuntimeError as error:
        return give_up("The worker failed.", str(error), code=1)
    return 0


def _stopped_by_signal() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _work(worker: Worker, stop: asyncio.Event, queue: str, namespace: str, seconds: float) -> None:
    running = asyncio.create_task(worker.run())
    stopping = asyncio.create_task(stop.wait())
    _log.info("worker_started", task_queue=queue, namespace=namespace)
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not running.done():
        _log.info("worker_draining", seconds=seconds)
        await worker.shutdown()
    await running  # raises what ended the worker, if anything did
    _log.info("worker_stopped")


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


def _replication_client(settings: WorkerSettings, session: aiohttp.ClientSession) -> ReplicationClient | None:
    if settings.replication_url is None:
        return None
    return ReplicationClient(
        str(settings.replication_url),
        session,
        token=settings.replication_token.get_secret_value() or None,
        timeout_seconds=settings.replication_timeout,
    )


def _volume_daemon(settings: WorkerSettings, session: aiohttp.ClientSession) -> VolumeDaemonClient | None:
    if settings.volume_daemon_url is None:
        return None
    url, limit = str(settings.volume_daemon_url), settings.volume_daemon_timeout
    return VolumeDaemonClient(url, session, timeout_seconds=limit)


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
