"""A row of ``network_mappings`` as the rules see it, whichever schema generation it was read from."""

from rules.models import Record


def network_key(network_id: str) -> str:
    """Return the form in which two network ids are compared.

    CloudStack compares ids without regard to case, and rows were typed by people.
    """
    return network_id.strip().lower()


class MappingRow(Record):
    """One mapping of a source network to a CloudStack network, for live or for test.

    Attributes:
        id: Primary key of the row.
        context_id: ``vm_context_id``; empty on legacy rows that only carry ``vm_id``.
        vm_id: Legacy key: a VMware uuid or a VM name; empty where the schema has none.
        is_test_network: The row's kind. NULL counts as false, which is the column's default.
        is_production_network: False where the schema has no such column.
        validation_status: In the words of the job sheet: pending, validated, failed, unknown.
    """

    id: int
    context_id: str
    vm_id: str = ""
    source_network_name: str
    destination_network_id: str
    destination_network_name: str = ""
    is_test_network: bool
    is_production_network: bool = False
    validation_status: str = "pending"

    @property
    def is_production(self) -> bool:
        """Whether the row makes its destination a production network (issue 3, the guard).

        ``mapping_type`` is ignored: the original leaves it 'live' on test rows (original-system.md 3).
        """
        return not self.is_test_network or self.is_production_network


class LiveNetwork(Record):
    """A network that a VM failed over live by us uses now."""

    network_id: str
    workflow_id: str
    context_id: str
    vm_id: str = ""
