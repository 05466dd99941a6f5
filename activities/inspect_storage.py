"""What CloudStack says of disks, pools, quota and appliance, before anything is changed."""

from temporalio import activity

from activities.clouds import Clouds
from activities.messages.storage import InspectRequest, StorageFacts


class InspectStorageActivities:
    """Reads CloudStack, never writes.

    Args:
        clouds: The clients.
    """

    def __init__(self, clouds: Clouds) -> None:
        self._clouds = clouds

    @activity.defn(name="InspectStorageActivity")
    async def inspect(self, request: InspectRequest) -> StorageFacts:
        """Read volumes, pools, quota, appliance, settings and the marked live VMs of this context.

        What the key may not read is named in the reply, and is no error.

        Raises:
            ApplicationError: CloudStackUnavailable and the like.
        """
        raise NotImplementedError
