"""The stack's database is ready for a worker, and belongs to the two simulators' samples."""

from pathlib import Path

from database import (
    ContextRepository,
    CredentialCipher,
    CredentialRepository,
    Database,
    DestinationConfigRepository,
    NetworkMappingRepository,
    StoredNicRepository,
)
from embedded.sample_database import make_sample_database
from embedded.sample_runs import SAMPLE_RUNS
from simulators.cloudstack import sample as cloud
from simulators.vma import sample as vcenter

ENDPOINT = "http://127.0.0.1:1/client/api"


async def test_every_sample_vm_is_the_vcenters_and_fails_over_to_the_simulated_cloud(tmp_path: Path) -> None:
    made = await make_sample_database(tmp_path, ENDPOINT)
    cipher = CredentialCipher(made.worker_settings["MIGRATEKIT_CRED_ENCRYPTION_KEY"])
    vms = {vm.name: vm for vm in vcenter.sample_vms()}

    database = await Database.open(made.worker_settings["FAILOVER_DATABASE_URL"])
    try:
        for run in SAMPLE_RUNS:
            context = await ContextRepository(database).get(run.context_id)
            assert context is not None
            vm = vms[context.vm_name]
            assert context.vmware_vm_id == vm.id
            assert (context.cpu_count, context.memory_mb) == (vm.num_cpu, vm.memory_mb)

            stored = await StoredNicRepository(database).source_vm(context)
            assert stored is not None
            assert [(nic.network_name, nic.mac_address) for nic in stored.nics] == [
                (nic.network_name, nic.mac_address) for nic in vm.nics
            ]

            configs = DestinationConfigRepository(database, cipher)
            config = await configs.for_context(context)
            keys = await configs.keys(config.config_id)
            assert (keys.api_url, keys.api_key, keys.secret) == (
                ENDPOINT,
                cloud.ADMIN.key,
                cloud.ADMIN.secret,
            )
            assert (config.zone, config.network_id) == (cloud.ZONE_ID, cloud.DEFAULT_NET_ID)

            credential = await CredentialRepository(database, cipher).for_context(context)
            assert credential is not None
            assert (credential.vcenter_host, credential.username, credential.password) == (
                vcenter.VCENTER_HOST,
                vcenter.VCENTER_USERNAME,
                vcenter.VCENTER_PASSWORD,
            )
        mappings = NetworkMappingRepository(database)
        counts = {
            run.context_id: len(await mappings.get_by_context_id(run.context_id, "")) for run in SAMPLE_RUNS
        }
    finally:
        await database.close()

    assert list(counts.values()) == [4, 0, 2]


async def test_secrets_are_stored_encrypted_and_the_key_shows_nowhere(tmp_path: Path) -> None:
    made = await make_sample_database(tmp_path, ENDPOINT)

    stored = made.path.read_bytes()
    for secret in (cloud.ADMIN.key, cloud.ADMIN.secret, vcenter.VCENTER_PASSWORD):
        assert secret.encode() not in stored
    assert made.worker_settings["MIGRATEKIT_CRED_ENCRYPTION_KEY"] not in repr(made)
