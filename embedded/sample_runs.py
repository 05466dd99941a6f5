"""The failovers of the demo, what each must end with, and what ends its VM.

The order matters. The live failover of ``pgtest2`` puts a VM on the default network; a test that fell back to
that network afterwards would be refused by the guard, so the test of ``pgtest3`` shows the separate default
test network instead.
"""

from dataclasses import dataclass
from typing import Final

from client import Order
from embedded.seed import PGTEST1_CONTEXT, PGTEST2_CONTEXT, PGTEST3_CONTEXT
from rules.resolution import NetworkRule
from simulators.cloudstack import sample as cloud
from simulators.vma import sample as vcenter


@dataclass(frozen=True)
class SampleRun:
    """One failover of a sample VM.

    Attributes:
        title: What it shows, for people.
        context_id: The VM's context in the sample database.
        failover_type: ``live`` or ``test``.
        then: What is ordered once it completed: the name of the client's method.
        disks: How many the new VM runs from.
        expected: For each NIC in order: source network, id of the destination network, rule.
    """

    title: str
    context_id: str
    failover_type: str
    expected: tuple[tuple[str, str, NetworkRule], ...]
    then: Order
    disks: int

    @property
    def workflow_id(self) -> str:
        """Readable, and one for each kind of failover of a VM."""
        return f"failover-{self.failover_type}-{self.context_id}"

    @property
    def request(self) -> dict[str, str]:
        """The job sheet's JSON."""
        return {"context_id": self.context_id, "failover_type": self.failover_type}


SAMPLE_RUNS: Final = (
    SampleRun(
        title="live failover of pgtest1, both networks mapped, then rolled back",
        context_id=PGTEST1_CONTEXT,
        failover_type="live",
        expected=(
            (vcenter.VM_NETWORK, cloud.PROD_LAN_ID, NetworkRule.MAPPED),
            (vcenter.DMZ_NETWORK, cloud.PROD_DMZ_ID, NetworkRule.MAPPED),
        ),
        then=Order.ROLL_BACK,
        disks=2,
    ),
    SampleRun(
        title="test failover of pgtest1 on clones of its disks, then cleaned up",
        context_id=PGTEST1_CONTEXT,
        failover_type="test",
        expected=(
            (vcenter.VM_NETWORK, cloud.TEST_LAN_ID, NetworkRule.MAPPED),
            (vcenter.DMZ_NETWORK, cloud.TEST_DMZ_ID, NetworkRule.MAPPED),
        ),
        then=Order.CLEAN_UP,
        disks=2,
    ),
    SampleRun(
        title="live failover of pgtest2, which has no mappings, then committed",
        context_id=PGTEST2_CONTEXT,
        failover_type="live",
        expected=((vcenter.VM_NETWORK, cloud.DEFAULT_NET_ID, NetworkRule.DEFAULT),),
        then=Order.COMMIT,
        disks=1,
    ),
    SampleRun(
        title="test failover of pgtest3, whose second network has no mapping",
        context_id=PGTEST3_CONTEXT,
        failover_type="test",
        expected=(
            (vcenter.VM_NETWORK, cloud.TEST_LAN_ID, NetworkRule.MAPPED),
            (vcenter.BACKUP_NETWORK, cloud.DEFAULT_TEST_NET_ID, NetworkRule.DEFAULT_TEST),
        ),
        then=Order.CLEAN_UP,
        disks=3,
    ),
)
