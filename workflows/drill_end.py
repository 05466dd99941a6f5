"""The end of a drill on clones: nothing of it is left, and the replica was never touched."""

import contextlib
from collections.abc import Awaitable, Callable

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.messages.disks import (
        RemoveClonesRequest,
        Removed,
        RemoveSnapshotsRequest,
        SnapshotPurpose,
    )
    from workflows import disk_steps, machine
    from workflows.failures import explain
    from workflows.moves import NOWHERE, bring
    from workflows.orders import TakenOver, Undone
    from workflows.template_root import drop_template_root
    from workflows.way_back import all_left, stop


async def remove_drill(taken: TakenOver, say: Callable[[str], None]) -> Undone:
    """Stop the VM, take the clones off, remove the VM, the clones and their snapshots.

    Args:
        taken: The drill.
        say: Shows a headline in the current details.
    """
    say("cleanup: stop the VM")
    undone = await stop(taken)
    if undone.left_behind:
        return undone.and_then(all_left(taken, "not touched, since the VM may run"))
    say("cleanup: take the clones off")
    for clone_id in taken.clone_ids:
        # One that cannot be taken off is named by the removal below, which reads where it is.
        with contextlib.suppress(ActivityError, ApplicationError):
            await bring(taken, clone_id, NOWHERE, undo=True)
    say("cleanup: remove the VM")
    undone = undone.and_then(await drop_template_root(taken))
    if taken.touched.vm:
        undone = undone.and_then(await machine.remove_taken(taken))
    if not taken.touched.clones:
        return undone
    say("cleanup: remove clones and snapshots")
    policy, volume_ids = taken.policy, taken.replica_ids
    clones = RemoveClonesRequest(owner=taken.owner, volume_ids=volume_ids)
    undone = undone.and_then(
        await _all_of("clones", taken.clone_ids, disk_steps.remove_clones(clones, policy))
    )
    snapshots = RemoveSnapshotsRequest(
        owner=taken.owner, volume_ids=volume_ids, purpose=SnapshotPurpose.CLONE
    )
    return undone.and_then(
        await _all_of(
            "snapshots",
            tuple(f"{one.name} ({one.snapshot_id})" for one in taken.snapshots),
            disk_steps.remove_snapshots(snapshots, policy),
        )
    )


async def _all_of(what: str, known: tuple[str, ...], removal: Awaitable[Removed]) -> Undone:
    try:
        removed = await removal
    except ActivityError as error:
        those = f" ({', '.join(known)})" if known else ""
        return Undone(left_behind=(f"{what} of this drill: not removed: {explain(error)[1]}{those}",))
    return Undone(removed=removed.removed, left_behind=removed.left_behind)
