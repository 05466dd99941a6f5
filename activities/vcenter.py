"""Which vCenter sign-in belongs to a protected VM; read and decrypted where it is used, and nowhere kept."""

from database import CredentialRepository, VCenterCredential
from rules.context import VMContext
from rules.errors import FailoverErrorType, FailoverRefused


class VCenterSignIn:
    """Finds the sign-in to a VM's own vCenter.

    Args:
        credentials: The vCenter sign-ins of the appliance.
        own_credential: The worker's ``VMA_VCENTER_*`` settings as user name and password; they win.
    """

    def __init__(
        self, credentials: CredentialRepository, own_credential: tuple[str, str] | None = None
    ) -> None:
        self._credentials = credentials
        self._own_credential = own_credential

    async def of(self, context: VMContext) -> VCenterCredential:
        """Return the credential of the context, never merely the default one (original-system.md, defect 27).

        Raises:
            FailoverRefused: ConfigurationError when there is none for this vCenter.
            CredentialError: The row that is named cannot be used.
        """
        if self._own_credential is not None:
            username, password = self._own_credential
            return VCenterCredential(context.vcenter_host, username, password, context.datacenter)
        credential = await self._credentials.for_context(context)
        if credential is None:
            raise FailoverRefused(
                FailoverErrorType.CONFIGURATION_ERROR,
                "The context has no vCenter credential, there is no default one, and VMA_VCENTER_USERNAME "
                "and VMA_VCENTER_PASSWORD are not set",
            )
        if context.credential_id is None and credential.vcenter_host.lower() != context.vcenter_host.lower():
            raise FailoverRefused(
                FailoverErrorType.CONFIGURATION_ERROR,
                "The context names no credential, and the default one is for another vCenter",
            )
        return credential
