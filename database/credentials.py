"""``vmware_credentials``: how the VMA signs in to the context's vCenter."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Row

from database.crypto import CredentialCipher
from database.engine import Database
from database.errors import CredentialInactive, SeveralDefaultCredentials, UnknownCredential
from database.tables import flag, text, vmware_credentials
from rules.context import VMContext


@dataclass(frozen=True)
class VCenterCredential:
    """A sign-in to one vCenter. The password is not in the repr."""

    vcenter_host: str
    username: str
    password: str = field(repr=False)
    datacenter: str


class CredentialRepository:
    """Finds and decrypts the credential of a context.

    Args:
        database: Where the rows are.
        cipher: Decrypts the password; by default with the key from the environment.
    """

    def __init__(self, database: Database, cipher: CredentialCipher | None = None) -> None:
        self._database = database
        self._cipher = cipher

    async def for_context(self, context: VMContext) -> VCenterCredential | None:
        """Return the credential that the context names, else the default one (original-system.md, section 9).

        The default may be for another vCenter than the context's: the caller compares ``vcenter_host``.

        Returns:
            None where the context names none and there is no default.

        Raises:
            UnknownCredential: The context names a row that does not exist.
            CredentialInactive: It names one that was switched off. A default that was is passed over.
            SeveralDefaultCredentials: It names none, and several rows are the default.
            CredentialUnreadable: The password does not decrypt.
            EncryptionKeyInvalid: The encryption key in the environment is none.
        """
        named = context.credential_id
        if named is not None:
            rows = await self._rows(vmware_credentials.c.id == named)
            if not rows:
                raise UnknownCredential(f"there is no vmware_credentials row {named}")
            if not _active(rows[0]):
                raise CredentialInactive(f"vmware_credentials row {named} is not active")
            return self._decrypted(rows[0])
        defaults = [row for row in await self._rows(vmware_credentials.c.is_default != 0) if _active(row)]
        if len(defaults) > 1:
            numbers = ", ".join(str(row.id) for row in defaults)
            raise SeveralDefaultCredentials(f"vmware_credentials rows {numbers} are all marked as default")
        return self._decrypted(defaults[0]) if defaults else None

    async def _rows(self, condition: ColumnElement[bool]) -> list[Row[Any]]:
        statement = self._database.features.select(vmware_credentials).where(condition)
        async with self._database.read() as connection:
            return list((await connection.execute(statement.order_by(vmware_credentials.c.id))).all())

    def _decrypted(self, row: Row[Any]) -> VCenterCredential:
        cipher = self._cipher or CredentialCipher.from_environment()
        password = cipher.password(
            text(row.password_encrypted), f"password_encrypted of vmware_credentials row {row.id}"
        )
        return VCenterCredential(
            vcenter_host=text(row.vcenter_host),
            username=text(row.username),
            password=password,
            datacenter=text(row.datacenter),
        )


def _active(row: Row[Any]) -> bool:
    """Read ``is_active``; without the column, or with NULL, a credential is active."""
    value = getattr(row, "is_active", None)
    return value is None or flag(value)
