"""What the preflight says of the source, of the new VM and of the guest in it."""

from rules.checks import failed, judged, passed, warned
from rules.disks import Firmware, GuestFamily
from rules.preflight import Check
from rules.situation import Situation
from rules.source_power import PowerState

_ON = frozenset({PowerState.ON, PowerState.SUSPENDED})


def held(by: str) -> Check:
    """Return what is said of a VM that an open workflow holds."""
    return failed(
        "open_run",
        f"workflow {by} holds this VM",
        "Wait for its end; or commit it, roll it back or clean it up (docs/operate.md)",
    )


def open_run(known: Situation) -> Check:
    """Judge whether another failover of this VM is open. A run was told so by its lease before."""
    if known.held_by:
        return held(known.held_by)
    by_us = "this run holds the VM; no other can begin"
    return passed("open_run", by_us if known.lease_held else "no open failover holds the VM")


def live_vm(known: Situation) -> Check:
    """Judge whether this machine runs in CloudStack already."""
    found = [f"{vm} is this machine, failed over live before" for vm in known.storage.live_vms]
    return judged(
        "live_vm",
        found,
        (),
        "no live VM of this context is in CloudStack",
        "Commit or roll back that failover; a VM that nobody wants any more is removed by hand",
    )


def source_power(known: Situation) -> Check:
    """Judge whether the source can be powered off."""
    name, power = "source_power", known.power
    if power is None or power.state is PowerState.UNREACHABLE:
        why = f": {power.reason}" if power is not None and power.reason else ""
        return failed(
            name,
            f"nobody can say whether the source runs{why}",
            "Bring the VMA and its vCenter back. Is the site lost? Then source_lost true with a reason: both "
            "machines running at once is what must not happen",
        )
    if power.state is PowerState.OFF:
        return passed(name, "the source is off")
    if power.state is PowerState.SUSPENDED:
        return warned(
            name,
            "the source is suspended, which counts as on: what it holds in memory is lost by a power-off",
            "Resume it and shut it down, where that matters",
        )
    if not power.has_tools:
        return warned(
            name,
            "the source runs without VMware Tools: asked gently, the agent pulls the plug",
            "Shut the guest down by hand first, or install VMware Tools",
        )
    return passed(name, "the source runs, with VMware Tools")


def source_lost(known: Situation) -> Check:
    """Judge a declaration that the source is lost."""
    name, power = "source_lost", known.power
    if power is not None and power.state in _ON:
        return failed(
            name,
            f"the source was declared lost, and the VMA reports it {power.state.value}",
            "Leave source_lost out: the run powers the source off and syncs it once more",
        )
    if power is not None and power.state is PowerState.OFF:
        return warned(
            name,
            "the source was declared lost, and the VMA reports it off: a final sync would be possible",
            "Leave source_lost out where the latest data matters",
        )
    return warned(
        name,
        "the source was declared lost and cannot be asked: what it wrote after the recovery point is missing",
        "Keep the source off when its site comes back, until this failover is committed or rolled back",
    )


def offering_size(known: Situation) -> Check:
    """Judge whether a fixed offering is as large as the source."""
    failures, warnings = [], []
    if not known.storage.offering_known:
        warnings.append("nobody read its size: the offering cannot be used")
    sizes = (
        ("CPUs", known.cpu_count, known.storage.offering_cpu),
        ("MiB of memory", known.memory_mb, known.storage.offering_memory_mb),
    )
    for what, source, offered in sizes:
        if offered and not source:
            warnings.append(f"nobody knows how many {what} the source has; the offering gives {offered}")
        elif offered and offered < source:
            failures.append(f"the offering gives {offered} {what}, the source has {source}")
    return judged(
        "offering_size",
        failures,
        warnings,
        "the offering gives what the source has",
        "Name a larger or a custom offering in ossea_configs.service_offering_id",
    )


def firmware(known: Situation) -> tuple[Firmware, Check]:
    """Judge how the new VM must boot, and return it."""
    name, stored, wanted = "firmware", known.replication.firmware, known.config.firmware
    if wanted is None and stored is Firmware.UNKNOWN:
        return stored, failed(
            name,
            "nobody knows whether the disk boots by BIOS or UEFI",
            'Say it in the request: "firmware": "bios" or "uefi", as in the VM\'s options in vCenter',
        )
    if wanted is None or wanted is stored:
        return stored, passed(name, f"{stored.value}, as replication stored it")
    if stored is Firmware.UNKNOWN:
        return wanted, passed(name, f"{wanted.value}, as the request says")
    return wanted, failed(
        name,
        f"the request says {wanted.value}, replication stored {stored.value}",
        "Leave firmware out of the request, or correct vm_disks.bios_setup",
    )


def conversion_worker(known: Situation) -> Check:
    """Judge whether the guest needs a conversion, and whether somebody is there to do it."""
    name, guest = "conversion_worker", known.replication.guest
    if known.convert and not known.conversion_worker:
        return failed(
            name,
            f"the guest ({guest.value}) must be converted before it boots on KVM, and no worker on the "
            "appliance answered that it can",
            "Start the worker on the appliance (docs/conversion.md). Does the guest have VirtIO drivers "
            "already? Then skip_virtio true",
        )
    if known.convert:
        return passed(name, f"{known.conversion_worker} converts the guest ({guest.value})")
    if known.config.skip_virtio and guest is not GuestFamily.LINUX:
        return warned(
            name,
            f"skip_virtio: the guest ({guest.value}) is not converted; without VirtIO drivers it cannot boot",
            "Leave skip_virtio out unless the drivers are installed",
        )
    return passed(name, f"the guest ({guest.value}) is not converted")


def permissions(known: Situation) -> Check:
    """Name what the key may not read; the checks that need it say more."""
    unread = [f"{one} cannot be read with this key" for one in known.storage.unreadable]
    return judged(
        "permissions",
        (),
        unread,
        "the key may read all that is checked",
        "Use a key that may read more, or ask the CloudStack administrator about these",
    )
