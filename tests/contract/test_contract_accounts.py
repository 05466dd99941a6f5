"""Section 19: what an account may still have."""

import pytest

from tests.contract.cloud import Cloud
from tests.contract.target import KeyPair


@pytest.mark.parametrize(
    "resource", ("vm", "volume", "snapshot", "network", "primarystorage", "secondarystorage")
)
@pytest.mark.observed(
    19, "quota of the caller: listAccounts; limit and available are strings, total a number"
)
async def test_an_ordinary_user_reads_its_quota(cloud: Cloud, plain: KeyPair, resource: str) -> None:
    [account] = (await cloud.call("listAccounts", who=plain)).items("account")
    limit, available = account[f"{resource}limit"], account[f"{resource}available"]
    assert isinstance(account[f"{resource}total"], int | float)
    for value in (limit, available):
        assert isinstance(value, str)
        assert value == "Unlimited" or float(value) == int(float(value))


@pytest.mark.observed(19, "counted: a never-started VM counts (vm, volume); only expunge frees the volume")
async def test_a_vm_that_never_ran_counts(cloud: Cloud, plain: KeyPair) -> None:
    async def totals() -> tuple[int, int]:
        [account] = (await cloud.call("listAccounts", who=plain)).items("account")
        return account["vmtotal"], account["volumetotal"]

    network = await cloud.network(who=plain)
    vms, volumes = await totals()
    request = cloud.deploy_params({"iptonetworklist[0].networkid": network}, {})
    submitted = await cloud.call("deployVirtualMachine", request, who=plain)
    await cloud.job(submitted, who=plain)
    assert await totals() == (vms + 1, volumes + 1)
    await cloud.done("destroyVirtualMachine", id=submitted.body["id"])
    assert await totals() == (vms, volumes + 1)
    await cloud.done("destroyVirtualMachine", id=submitted.body["id"], expunge="true")
    assert await totals() == (vms, volumes)
