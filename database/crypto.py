"""Stored secrets, as the appliance encrypts them (original-system.md, section 9).

Base64 of a 12-byte nonce followed by AES-256-GCM ciphertext and its 16-byte tag, without additional data. The
key is base64 of 32 bytes in ``MIGRATEKIT_CRED_ENCRYPTION_KEY``. What begins with ``TEMP_PLAINTEXT_`` is plain
text after that prefix.
"""

import base64
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from database.errors import CredentialUnreadable, EncryptionKeyInvalid

KEY_VARIABLE = "MIGRATEKIT_CRED_ENCRYPTION_KEY"
PLAIN_PREFIX = "TEMP_PLAINTEXT_"

_KEY_BYTES, _NONCE_BYTES, _TAG_BYTES = 32, 12, 16
_CLOUDSTACK_KEY_CHARACTERS = 86
"""CloudStack's own keys: 64 bytes in base64url without padding."""


class CredentialCipher:
    """Decrypts and encrypts with one key.

    Args:
        key: Base64 of 32 bytes; empty where the appliance runs without encryption.

    Raises:
        EncryptionKeyInvalid: ``key`` is something else.
    """

    def __init__(self, key: str = "") -> None:
        self._aead: AESGCM | None = None
        if key:
            raw = _decoded(key)
            if len(raw) != _KEY_BYTES:
                raise EncryptionKeyInvalid(f"{KEY_VARIABLE} is not base64 of {_KEY_BYTES} bytes")
            self._aead = AESGCM(raw)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "CredentialCipher":
        """Take the key from the environment, where the appliance has it.

        Raises:
            EncryptionKeyInvalid: The variable holds no key.
        """
        return cls((os.environ if environment is None else environment).get(KEY_VARIABLE, ""))

    def __repr__(self) -> str:
        return f"CredentialCipher({'with' if self._aead else 'without'} key)"

    def encrypt(self, secret: str) -> str:
        """Return ``secret`` as the appliance stores it.

        Raises:
            EncryptionKeyInvalid: There is no key.
        """
        if self._aead is None:
            raise EncryptionKeyInvalid(f"{KEY_VARIABLE} is not set")
        nonce = os.urandom(_NONCE_BYTES)
        return base64.b64encode(nonce + self._aead.encrypt(nonce, secret.encode(), None)).decode()

    def password(self, stored: str, what: str) -> str:
        """Decrypt a vCenter password.

        It is never taken as plain text without the prefix: a wrong guess, repeated, locks the account.

        Args:
            stored: The column's value.
            what: What it is, for the message.

        Raises:
            CredentialUnreadable: No key, another key, or a damaged value.
        """
        if stored.startswith(PLAIN_PREFIX):
            return stored.removeprefix(PLAIN_PREFIX)
        if self._aead is None:
            raise CredentialUnreadable(f"{what} is encrypted and {KEY_VARIABLE} is not set")
        opened = self._open(stored)
        if opened is None:
            raise CredentialUnreadable(f"{what} does not decrypt with the key in {KEY_VARIABLE}")
        return opened

    def cloudstack_key(self, stored: str, what: str) -> tuple[str, bool]:
        """Read an API key or a secret key, which an appliance without encryption stored as it is.

        A value that does not decrypt is therefore taken as plain text, unless it has exactly the length that
        an encrypted key of CloudStack has: then the encryption key is missing or another one, and the
        ciphertext must not be sent to CloudStack as if it were a key.

        Args:
            stored: The column's value.
            what: What it is, for the message.

        Returns:
            The key, and whether it was encrypted.

        Raises:
            CredentialUnreadable: The value is a ciphertext that cannot be opened.
        """
        if stored.startswith(PLAIN_PREFIX):
            return stored.removeprefix(PLAIN_PREFIX), False
        opened = self._open(stored)
        if opened is not None:
            return opened, True
        if len(_decoded(stored)) == _NONCE_BYTES + _CLOUDSTACK_KEY_CHARACTERS + _TAG_BYTES:
            raise CredentialUnreadable(f"{what} is encrypted, and {KEY_VARIABLE} does not open it")
        return stored, False

    def _open(self, stored: str) -> str | None:
        raw = _decoded(stored)
        if self._aead is None or len(raw) < _NONCE_BYTES + _TAG_BYTES:
            return None
        try:
            return self._aead.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], None).decode()
        except (InvalidTag, UnicodeDecodeError):
            return None


def _decoded(stored: str) -> bytes:
    """Return the bytes of strict base64, empty for anything else."""
    try:
        return base64.b64decode(stored, validate=True)
    except ValueError:  # which binascii.Error is one of, as is what text beyond ASCII raises
        return b""
