"""What a VM to be created looks like, and the parameters that say so."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

LONGEST_LEASE_DAYS = 36500
"""The server takes no more (observed, section 17)."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class NetworkRequest:
    """One NIC.

    Attributes:
        networkid: The network.
        mac: The address to give it; None lets CloudStack choose.
    """

    networkid: str
    mac: str | None = None


@dataclass(frozen=True, slots=True)
class DeploySpec:
    """A VM, created stopped.

    Attributes:
        name: Host name: 1 to 63 letters, digits and hyphens, not starting with a digit.
        networks: In NIC order; the first one is the default.
        displayname: Free text for people; None for the name.
        customid: The VM's id, chosen by the caller. Only a root administrator may (else 531).
        details: Marks that are stored with the VM in the same step. Everybody who may list the VM sees
            them, so never a secret; keys must not start with ``extraconfig``.
        cpu_number: Only with a customized offering, as for the next two.
        cpu_speed: MHz; not with an offering that fixes it.
        memory: MiB.
        uefi: Boot by UEFI, in legacy mode; else by BIOS. It must be what the disk was made for.
        lease_days: CloudStack's own lease: after so many days it destroys the VM, with whatever root volume
            it has then (observed, section 17). 0 for none. Where the feature is off it is ignored silently:
            read it back.

    Raises:
        ValueError: What CloudStack would take and silently do otherwise, or refuse only after it made an
            orphan: no network, a network twice (observed: one NIC), a detail that is reserved. Also a
            ``customid`` that is no lower-case uuid, and a lease out of range.
    """

    name: str
    zoneid: str
    templateid: str
    serviceofferingid: str
    networks: tuple[NetworkRequest, ...]
    displayname: str | None = None
    customid: str | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    cpu_number: int | None = None
    cpu_speed: int | None = None
    memory: int | None = None
    uefi: bool = False
    lease_days: int = 0

    def __post_init__(self) -> None:
        wanted = [network.networkid for network in self.networks]
        if not wanted:
            # Without networks CloudStack takes the account's only isolated network, or makes one.
            raise ValueError("a deploy names its networks")
        if len(set(wanted)) < len(wanted):
            raise ValueError("a VM has at most one NIC in a network")
        if self.customid is not None and not _UUID.fullmatch(self.customid):
            raise ValueError("customid must be a lower-case uuid")
        if not 0 <= self.lease_days <= LONGEST_LEASE_DAYS:
            raise ValueError(f"a lease is at most {LONGEST_LEASE_DAYS} days")
        for key in self.details:
            if key.lower().startswith("extraconfig") or key in _SIZES:
                raise ValueError(f"the detail {key} is CloudStack's own")

    def params(self) -> dict[str, str]:
        """Return the parameters of ``deployVirtualMachine``, without the owner."""
        params = {
            "name": self.name,
            "displayname": self.displayname or self.name,
            "zoneid": self.zoneid,
            "templateid": self.templateid,
            "serviceofferingid": self.serviceofferingid,
            "startvm": "false",
        }
        if self.customid is not None:
            params["customid"] = self.customid
        if self.uefi:
            params |= {"boottype": "UEFI", "bootmode": "LEGACY"}
        if self.lease_days:
            params |= {"leaseduration": str(self.lease_days), "leaseexpiryaction": "DESTROY"}
        for index, network in enumerate(self.networks):
            params[f"iptonetworklist[{index}].networkid"] = network.networkid
            if network.mac is not None:
                params[f"iptonetworklist[{index}].mac"] = network.mac
        for key, value in {**self.details, **self._sizes()}.items():
            params[f"details[0].{key}"] = value
        return params

    def _sizes(self) -> dict[str, str]:
        values = zip(_SIZES, (self.cpu_number, self.cpu_speed, self.memory), strict=True)
        return {key: str(value) for key, value in values if value is not None}


_SIZES = ("cpuNumber", "cpuSpeed", "memory")  # case-sensitive (observed, section 20)
