"""The orders of an operator, and what came of them: the part of the client that acts after or amid a run."""

from collections.abc import Mapping

from temporalio.client import Client

from client.aftermath import end_of
from client.orders import Order, OrderTaken, give
from rules.outcomes import EndReport


class Ordering:
    """Gives orders to what goes on after a run, and to a run that holds.

    Each method takes the failover's workflow id, and returns once the order is taken: it is carried out
    whatever becomes of the caller. Each may raise ``FailoverNotFound``, ``OrderRefused``, ``OrderPending``,
    ``TemporalUnreachable`` and ``TemporalRefused``.

    Args:
        client: Connected with ``pydantic_data_converter``.
    """

    def __init__(self, client: Client) -> None:
        self.temporal = client

    async def clean_up(
        self, workflow_id: str, *, reason: str | None = None, user_id: str | None = None, seconds: float = 30
    ) -> OrderTaken:
        """Remove a drill's VM and all that it needed now, or try again what is left of it.

        Args:
            workflow_id: The test failover.
            reason: Why, for the record.
            user_id: Who orders it.
            seconds: How long to wait until it is taken or refused; the same holds for the other orders.
        """
        return await self._give(Order.CLEAN_UP, workflow_id, seconds, {"reason": reason, "user_id": user_id})

    async def extend(
        self,
        workflow_id: str,
        test_duration: str,
        *,
        reason: str | None = None,
        user_id: str | None = None,
        seconds: float = 30,
    ) -> OrderTaken:
        """Let a drill's VM live for so long from now on; ``until`` of the answer says until when.

        Args:
            workflow_id: The test failover.
            test_duration: "90s", "30m", "4h" or "2d".
            reason: Why, for the record.
            user_id: Who orders it.
            seconds: How long to wait until it is taken or refused.
        """
        fields = {"test_duration": test_duration, "reason": reason, "user_id": user_id}
        return await self._give(Order.EXTEND, workflow_id, seconds, fields)

    async def commit(
        self, workflow_id: str, *, reason: str | None = None, user_id: str | None = None, seconds: float = 30
    ) -> OrderTaken:
        """Keep the new VM for good: its rollback snapshots are removed, and there is no way back."""
        return await self._give(Order.COMMIT, workflow_id, seconds, {"reason": reason, "user_id": user_id})

    async def roll_back(  # noqa: PLR0913 - one for each part of the order
        self,
        workflow_id: str,
        *,
        acknowledge_data_loss: bool,
        reason: str,
        force_stop: bool = False,
        user_id: str | None = None,
        seconds: float = 30,
    ) -> OrderTaken:
        """Give the machine back to its source: before the commit, or from a run that holds.

        Args:
            workflow_id: The live failover.
            acknowledge_data_loss: Must be true: what the new VM wrote since it first started is lost.
            reason: Why, for the record.
            force_stop: The caller saw that the new VM does not run, and CloudStack cannot stop it gently: it
                is marked as stopped without an answer of its host.
            user_id: Who orders it.
            seconds: How long to wait until it is taken or refused.
        """
        fields = {
            "acknowledge_data_loss": acknowledge_data_loss,
            "force_stop": force_stop or None,
            "reason": reason,
            "user_id": user_id,
        }
        return await self._give(Order.ROLL_BACK, workflow_id, seconds, fields)

    async def resume(
        self, workflow_id: str, *, reason: str | None = None, user_id: str | None = None, seconds: float = 30
    ) -> OrderTaken:
        """Let a run that holds go on from the start of its VM."""
        return await self._give(Order.RESUME, workflow_id, seconds, {"reason": reason, "user_id": user_id})

    async def end(self, order: OrderTaken) -> EndReport:
        """Wait for what an order to clean up, commit or roll back leads to.

        Returns:
            How it ended. ``cleanup_required`` is no end: it names what is left. A cleanup goes on trying by
            itself, a rollback waits for the next order.

        Raises:
            FailoverNotCompleted: The workflow was terminated or failed.
            ValueError: The order went to a run that held: ``wait`` tells how that one ends.
        """
        if order.of_run or order.order in (Order.EXTEND, Order.RESUME):
            raise ValueError("this order has no end of its own: wait for the failover")
        return await end_of(self.temporal, order.workflow_id, order.update_id)

    async def _give(
        self, order: Order, workflow_id: str, seconds: float, fields: Mapping[str, object]
    ) -> OrderTaken:
        return await give(self.temporal, order, workflow_id, fields, timeout_seconds=seconds)
