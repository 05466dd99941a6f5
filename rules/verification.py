"""Whether a VM as CloudStack reads it back has the NICs that were decided."""

from collections.abc import Sequence

from rules.mappings import network_key
from rules.outcomes import VerifiedNic
from rules.resolution import NetworkDecision


def nic_differences(decisions: Sequence[NetworkDecision], nics: Sequence[VerifiedNic]) -> list[str]:
    """Compare number, order, networks, default NIC and kept MAC addresses.

    Args:
        decisions: In NIC order; those that are not connected make no NIC.
        nics: As read back, in device order.

    Returns:
        One sentence per difference; empty when all is as decided.
    """
    wanted = [decision for decision in decisions if decision.connected]
    if len(wanted) != len(nics):
        return [f"{len(wanted)} NICs were decided, the VM has {len(nics)}"]
    found = []
    for position, (decision, nic) in enumerate(zip(wanted, nics, strict=True)):
        if network_key(nic.network_id) != network_key(decision.destination_network_id):
            found.append(
                f"{decision} is on network {nic.network_id} instead of {decision.destination_network_id}"
            )
        if decision.mac_address and nic.mac_address.lower() != decision.mac_address:
            found.append(f"{decision} has MAC address {nic.mac_address} instead of {decision.mac_address}")
        if nic.is_default is not (position == 0):
            found.append(f"{decision} is {'' if nic.is_default else 'not '}the default NIC")
    return found
