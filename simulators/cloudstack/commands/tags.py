"""createTags and listTags (observed, section 15)."""

from simulators.cloudstack import shapes
from simulators.cloudstack.commands.invocation import Command, Invocation, Json
from simulators.cloudstack.commands.listing import one_of, paged, same_name, shown_owner
from simulators.cloudstack.entities import Account, Tag
from simulators.cloudstack.errors import internal, refused
from simulators.cloudstack.jobs import JobSpec, Progress
from simulators.cloudstack.world import World

_LONGEST = 255


async def create_tags(inv: Invocation) -> JobSpec:
    """Put tags on resources. Everything is checked inside the job."""
    kind = inv.params.get("resourcetype")
    ids, entries = inv.params.many("resourceids"), inv.params.array("tags")

    async def work(progress: Progress) -> Json:
        await progress.take(inv.latency.tags)
        made: list[Tag] = []
        for resource_id in ids:
            owner = _owner_of(inv.world, kind, resource_id)
            if not (inv.caller.is_root_admin or owner is inv.caller):
                raise internal("Caller does not have permission to operate with provided resource.")
            for entry in entries:
                key, value = entry.get("key", "")[:_LONGEST], entry.get("value", "")[:_LONGEST]
                tag = Tag(key, value, kind, resource_id.lower(), owner)
                _require_new(inv.world, tag)
                made.append(tag)
        inv.world.tags.extend(made)
        return {"success": True}

    return JobSpec("org.apache.cloudstack.api.command.user.tag.CreateTagsCmd", "None", "", work)


def _owner_of(world: World, kind: str, resource_id: str) -> Account:
    known: dict[str, dict[str, Account]] = {
        "uservm": {vm.id: vm.account for vm in world.vms_existing()},
        "volume": {item.id: item.account for item in world.volumes.values() if not item.removed},
        "snapshot": {item.id: item.account for item in world.snapshots.values() if not item.removed},
        "network": {
            item.id: item.account or world.admin for item in world.networks.values() if not item.removed
        },
    }
    if kind.lower() not in known:
        raise refused(f"Invalid resource type {kind}")
    owner = known[kind.lower()].get(resource_id.lower())
    if owner is None:
        raise refused(f"Unable to find resource by uuid {resource_id} and type {kind}")
    return owner


def _require_new(world: World, tag: Tag) -> None:
    if any(item.resource_id == tag.resource_id and item.key == tag.key for item in world.tags):
        raise internal(f"tag {tag.key} already on {tag.resource_type} with id {tag.resource_id}")


async def list_tags(inv: Invocation) -> Json:
    """Return tags."""
    params = inv.params
    shown = shown_owner(inv, by_id=False)
    tags = [
        tag
        for tag in inv.world.tags
        if shown(tag.account)
        and one_of(params.get("resourceid"), [tag.resource_id])
        and one_of(params.get("resourcetype"), [tag.resource_type])
        and same_name(params.get("key"), tag.key)
        and same_name(params.get("value"), tag.value)
    ]
    return paged(inv, "tag", tags, lambda tag: shapes.tag(inv.world, tag))


COMMANDS = (
    Command("createTags", create_tags, required=("resourceids", "resourcetype", "tags"), is_async=True),
    Command("listTags", list_tags),
)
