"""``ossea_configs``: where in CloudStack a VM is made, and with which keys."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Row

from database.crypto import CredentialCipher
from database.engine import Database
from database.errors import CredentialUnreadable, NoActiveConfig, SeveralActiveConfigs, UnknownConfig
from database.tables import ossea_configs, text
from rules.context import DestinationConfig, VMContext


@dataclass(frozen=True)
class CloudStackKeys:
    """An API endpoint with the keys for it. They are not in the repr."""

    api_url: str
    api_key: str = field(repr=False)
    secret: str = field(repr=False)


class DestinationConfigRepository:
    """Tells which configuration a context fails over to.

    Args:
        database: Where the rows are.
        cipher: Decrypts the keys; by default with the key from the environment.
    """

    def __init__(self, database: Database, cipher: CredentialCipher | None = None) -> None:
        self._database = database
        self._cipher = cipher

    async def for_context(self, context: VMContext) -> DestinationConfig:
        """Return the configuration that the context names, else the one active row.

        A row that the context names need not be the active one: that flag chooses for those that name none.
        Values that a row leaves open are empty texts.

        Raises:
            UnknownConfig: The context names a row that does not exist.
            NoActiveConfig: It names none, and no row is active.
            SeveralActiveConfigs: It names none, and more than one is.
        """
        if context.ossea_config_id is not None:
            return _config(await self._row(context.ossea_config_id))
        rows = await self._rows(ossea_configs.c.is_active != 0)
        if not rows:
            raise NoActiveConfig("the VM context names no ossea_configs row and none is active")
        if len(rows) > 1:
            raise SeveralActiveConfigs([row.name for row in rows])
        return _config(rows[0])

    async def keys(self, config_id: int) -> CloudStackKeys:
        """Return the endpoint and the keys of a configuration, decrypted.

        The appliance encrypts both keys or none, so one that decrypts beside one that does not is an error.

        Raises:
            UnknownConfig: No such row.
            CredentialUnreadable: A key is encrypted and cannot be opened.
            EncryptionKeyInvalid: The encryption key in the environment is none.
        """
        row = await self._row(config_id)
        cipher = self._cipher or CredentialCipher.from_environment()
        what = f"ossea_configs row {config_id}"
        api_key, was_encrypted = cipher.cloudstack_key(text(row.api_key), f"api_key of {what}")
        secret, secret_too = cipher.cloudstack_key(text(row.secret_key), f"secret_key of {what}")
        if was_encrypted != secret_too:
            raise CredentialUnreadable(f"{what}: only one of api_key and secret_key decrypts")
        return CloudStackKeys(text(row.api_url), api_key, secret)

    async def _row(self, config_id: int) -> Row[Any]:
        rows = await self._rows(ossea_configs.c.id == config_id)
        if not rows:
            raise UnknownConfig(f"there is no ossea_configs row {config_id}")
        return rows[0]

    async def _rows(self, condition: ColumnElement[bool]) -> list[Row[Any]]:
        statement = self._database.features.select(ossea_configs).where(condition)
        async with self._database.read() as connection:
            return list((await connection.execute(statement.order_by(ossea_configs.c.id))).all())


def _config(row: Row[Any]) -> DestinationConfig:
    return DestinationConfig(
        config_id=row.id,
        name=text(row.name),
        api_url=text(row.api_url),
        zone=text(row.zone),
        template_id=text(row.template_id),
        service_offering_id=text(row.service_offering_id),
        network_id=text(row.network_id),
    )
