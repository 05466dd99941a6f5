"""listAccounts, listProjects and listCapabilities (observed, section 19)."""

from simulators.cloudstack import shapes
from simulators.cloudstack.commands.invocation import Command, Invocation, Json
from simulators.cloudstack.commands.limits import (
    CPU,
    MEMORY,
    NETWORK,
    PRIMARY_STORAGE,
    SECONDARY_STORAGE,
    SNAPSHOT,
    USER_VM,
    VOLUME,
    in_use,
    unit_of,
)
from simulators.cloudstack.commands.listing import paged, same_name
from simulators.cloudstack.entities import Account

_UNLIMITED = "Unlimited"
_ROLE_NUMBERS = {True: 1, False: 0}


async def list_accounts(inv: Invocation) -> Json:
    """Return the caller's account, for a root admin with ``listall`` or ``name`` everybody's.

    ``user[]`` holds the API key, as a real server's does: keep replies of this out of logs.
    """
    sees_all = inv.caller.is_root_admin and (
        inv.params.flag("listall", default=False) or "name" in inv.params
    )
    accounts = [
        account
        for account in inv.world.accounts.values()
        if (sees_all or account is inv.caller) and same_name(inv.params.get("name"), account.name)
    ]
    return paged(inv, "account", accounts, lambda account: _shape(inv, account))


def _shape(inv: Invocation, account: Account) -> Json:
    key = account.credentials.key if account.credentials else ""
    user: Json = {
        "id": account.user_id,
        "username": account.name,
        "account": account.name,
        "accountid": account.id,
        "state": "enabled",
        "apikey": key,
        "domainid": inv.world.domain_id,
        "domain": shapes.DOMAIN,
    }
    return {
        "id": account.id,
        "name": account.name,
        "accounttype": _ROLE_NUMBERS[account.is_root_admin],
        "rolename": "Root Admin" if account.is_root_admin else "User",
        "roletype": account.role.value,
        "domainid": inv.world.domain_id,
        "domain": shapes.DOMAIN,
        "domainpath": shapes.DOMAIN,
        **_quotas(inv, account),
        "state": "enabled",
        "user": [user],
        "isdefault": False,
        "groups": [],
        "hasannotations": False,
    }


async def list_projects(inv: Invocation) -> Json:
    """Return the projects that the caller sees, with their quota (CloudStack's source; not observed)."""
    wanted = inv.find("id", inv.world.projects) if inv.params.get("id") else None
    projects = [
        project
        for project in inv.world.projects.values()
        if (inv.caller.is_root_admin or inv.caller.name in project.members) and wanted in (None, project)
    ]
    return paged(inv, "project", projects, lambda project: _project(inv, project))


def _project(inv: Invocation, project: Account) -> Json:
    return {
        "id": project.project,
        "name": project.name,
        "displaytext": project.name,
        "domainid": inv.world.domain_id,
        "domain": shapes.DOMAIN,
        **_quotas(inv, project),
        "state": "Active",
        "tags": [],
    }


_PREFIXES = {
    USER_VM: "vm",
    CPU: "cpu",
    MEMORY: "memory",
    VOLUME: "volume",
    SNAPSHOT: "snapshot",
    NETWORK: "network",
    PRIMARY_STORAGE: "primarystorage",
    SECONDARY_STORAGE: "secondarystorage",
}


def _quotas(inv: Invocation, account: Account) -> Json:
    quotas = [_quota(inv, account, resource, prefix) for resource, prefix in _PREFIXES.items()]
    return {name: value for quota in quotas for name, value in quota.items()}


def _quota(inv: Invocation, account: Account, resource: str, prefix: str) -> Json:
    limit, used = account.limits.get(resource), in_use(inv.world, account, resource) // unit_of(resource)
    return {
        f"{prefix}limit": _UNLIMITED if limit is None else str(limit),
        f"{prefix}total": used,
        f"{prefix}available": _UNLIMITED if limit is None else str(limit - used),
    }


async def list_capabilities(inv: Invocation) -> Json:
    """Return what the server can do."""
    return {
        "capability": {
            "securitygroupsenabled": False,
            "dynamicrolesenabled": True,
            "cloudstackversion": "4.22.0.0",
            "userpublictemplateenabled": True,
            "supportELB": "false",
            "projectinviterequired": False,
            "allowusercreateprojects": True,
            "customdiskofferingminsize": 1,
            "customdiskofferingmaxsize": 1024,
            "regionsecondaryenabled": False,
            "kvmsnapshotenabled": inv.world.setting("kvm.snapshot.enabled"),
            "allowuserviewdestroyedvm": True,
            "allowuserexpungerecovervm": True,
            "allowuserexpungerecovervolume": True,
            "allowuserviewalldomainaccounts": False,
            "allowuserforcestopvm": True,
            "kubernetesserviceenabled": False,
            "kubernetesclusterexperimentalfeaturesenabled": False,
            "customhypervisordisplayname": "Custom",
            "defaultuipagesize": 20,
            "instancesstatsretentiontime": 720,
            "instancesstatsuseronly": False,
            "instancesdisksstatsretentionenabled": False,
            "instancesdisksstatsretentiontime": 720,
            "sharedfsvmmincpucount": 2,
            "sharedfsvmminramsize": 1024,
            "instanceleaseenabled": inv.world.setting("instance.lease.enabled"),
            "extensionspath": "/usr/share/cloudstack-management/extensions",
            "dynamicscalingenabled": False,
            "additionalconfigenabled": False,
        }
    }


COMMANDS = (
    Command("listAccounts", list_accounts),
    Command("listProjects", list_projects),
    Command("listCapabilities", list_capabilities),
)
