"""What the preflight says of whose the replicas are: CloudStack attaches no volume of another owner."""

from rules.checks import judged
from rules.disks import VolumeFacts
from rules.preflight import Check
from rules.situation import Situation
from rules.storage_facts import StorageFacts


def disk_owner(known: Situation) -> Check:
    """Judge whether every replica can be attached to the new VM, as far as owner and zone go.

    A drill's clone belongs to whoever makes it, so there only the zone forbids.
    """
    new = known.storage
    failures, warnings = [], []
    if not _owned(new.owner_project_id, new.owner_account):
        warnings.append("nobody can say who will own the new VM")
    for disk, volume in known.replicas:
        if not volume.found:
            continue
        if not volume.zone_id or not new.zone_id:
            warnings.append(f"{disk.disk_id}: nobody can say whether it is in the new VM's zone")
        elif volume.zone_id.lower() != new.zone_id.lower():
            failures.append(
                f"{disk.disk_id} is in zone {volume.zone_id}, the new VM will be in {new.zone_id}"
            )
        if not _owned(volume.project_id, volume.account):
            warnings.append(f"{disk.disk_id}: nobody can say whose it is")
        elif _is_of_another(volume, new):
            theirs = _named(volume.project_id, volume.account, volume.domain_id)
            ours = _named(new.owner_project_id, new.owner_account, new.owner_domain_id)
            said = f"{disk.disk_id} belongs to {theirs}, the new VM will belong to {ours}"
            (warnings if known.on_clones else failures).append(said)
    return judged(
        "disk_owner",
        failures,
        warnings,
        "owner and zone of every disk are those of the new VM",
        "Let replication and failover use one owner (the key, FAILOVER_OWNER_*) and one zone, or assign the "
        "volumes to that owner",
    )


def _owned(project_id: str, account: str) -> bool:
    return bool(project_id or account)


def _is_of_another(volume: VolumeFacts, new: StorageFacts) -> bool:
    if not _owned(new.owner_project_id, new.owner_account):
        return False
    if volume.project_id or new.owner_project_id:
        return volume.project_id.lower() != new.owner_project_id.lower()
    if volume.account.lower() != new.owner_account.lower():
        return True
    # An account's name is one per domain; a domain that is not shown says nothing.
    domains = {volume.domain_id.lower(), new.owner_domain_id.lower()} - {""}
    return len(domains) > 1


def _named(project_id: str, account: str, domain_id: str) -> str:
    return f"project {project_id}" if project_id else f"account {account} of domain {domain_id or '?'}"
