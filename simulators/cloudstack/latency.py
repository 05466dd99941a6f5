"""How long the simulated management server takes."""

from dataclasses import dataclass, fields, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class Latency:
    """Times in seconds; the defaults are short, for tests.

    Attributes:
        query: Reply of queryAsyncJobResult.
        read: Reply of every list command.
        write: Reply of every other command.
        name_window: In a deploy, between the check of name and customid and the insert of the VM. Two
            deploys at a time are inside it, as observed in section 3: of four deploys of one name that
            are sent together, two make a VM.
        deploy: Job of a deploy with startvm=false, and the part before the start of one with startvm=true.
        start: Job of a start.
        router: Added to a start that implements an isolated network, for its virtual router.
        stop: Job of a stop.
        destroy: Job of a destroy.
        expunge: Job of an expunge, added to ``destroy`` where one call does both.
        network: Job of deleteNetwork.
        tags: Job of createTags.
        attach: Job of attachVolume, added to ``volume`` where createVolume attaches as well.
        detach: Job of detachVolume.
        volume: Job of createVolume.
        snapshot: Job of createSnapshot.
        snapshot_delete: Job of deleteSnapshot.
        revert: Job of revertSnapshot (never observed to succeed).
    """

    query: float = 0.0
    read: float = 0.0
    write: float = 0.0
    name_window: float = 0.005
    deploy: float = 0.01
    start: float = 0.01
    router: float = 0.0
    stop: float = 0.01
    destroy: float = 0.01
    expunge: float = 0.01
    network: float = 0.01
    tags: float = 0.01
    attach: float = 0.01
    detach: float = 0.01
    volume: float = 0.01
    snapshot: float = 0.01
    snapshot_delete: float = 0.01
    revert: float = 0.01

    @classmethod
    def observed(cls) -> Self:
        """Return what the real server took, idle, on two cores (observed, sections 14 and 16)."""
        return cls(
            query=0.010,
            read=0.018,
            write=0.030,
            name_window=0.080,
            deploy=0.05,
            start=2.2,
            router=0.7,
            stop=1.8,
            destroy=6.0,
            expunge=2.1,
            network=0.15,
            tags=0.03,
            attach=2.0,
            detach=1.5,
            volume=0.25,
            snapshot=1.9,
            snapshot_delete=0.17,
            revert=1.9,
        )

    def scaled(self, factor: float) -> Self:
        """Return the same times multiplied by ``factor``."""
        return replace(self, **{item.name: getattr(self, item.name) * factor for item in fields(self)})
