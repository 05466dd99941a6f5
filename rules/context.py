"""The protected VM's replication context and the CloudStack configuration it fails over to."""

from rules.models import Record


class VMContext(Record):
    """A row of ``vm_replication_contexts``: one protected VM of one vCenter.

    Attributes:
        vmware_vm_id: The uuid by which the VMA knows the VM.
        cpu_count: 0 when the database does not know it.
        memory_mb: In MiB, 0 when the database does not know it.
        credential_id: The row of ``vmware_credentials``; None means the default one.
        ossea_config_id: The row of ``ossea_configs``; None means the one active row.
    """

    context_id: str
    vm_name: str
    vmware_vm_id: str
    vcenter_host: str
    datacenter: str
    cpu_count: int = 0
    memory_mb: int = 0
    credential_id: int | None = None
    ossea_config_id: int | None = None


class DestinationConfig(Record):
    """A row of ``ossea_configs`` without its keys: where in CloudStack the VM is made.

    Attributes:
        zone: The zone's uuid or its name.
        network_id: The default network; empty where none is set.
    """

    config_id: int
    name: str
    api_url: str
    zone: str
    template_id: str
    service_offering_id: str
    network_id: str = ""
