"""Messages about the conversion of a guest, which runs on the appliance's own task queue."""

from enum import StrEnum

from rules.models import Record


class ProbeRequest(Record):
    """Ask whether a worker lives on the conversion queue."""

    appliance_vm_id: str


class ConversionWorker(Record):
    """Who answered: the host's name, and why it cannot convert if it cannot."""

    host: str
    problem: str = ""


class ConversionNic(Record):
    """A NIC as the guest must find it again."""

    order: int
    source_mac: str
    address: str = ""


class ConvertRequest(Record):
    """Ask for the conversion of the guest on one attached volume.

    Attributes:
        volume_id: CloudStack's uuid: the device is proven to be this volume before the first write.
        data_volume_ids: The guest's other volumes, attached too.
        nics: In NIC order.
    """

    workflow_id: str
    appliance_vm_id: str
    volume_id: str
    data_volume_ids: tuple[str, ...] = ()
    nics: tuple[ConversionNic, ...] = ()
    timeout_seconds: float


class ConversionOutcome(StrEnum):
    """What the command did."""

    CONVERTED = "converted"
    NOT_NEEDED = "not_needed"
    """A guest that boots as it is."""


class ConversionReport(Record):
    """How the conversion ended.

    Attributes:
        device: The device that was proven to be the volume.
        seconds: How long the command ran.
        detail: The last lines of what it said, without secrets.
    """

    outcome: ConversionOutcome
    device: str = ""
    seconds: float = 0.0
    detail: str = ""
