"""The appliance's encryption, byte by byte."""

import base64

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from database import CredentialCipher, CredentialUnreadable, EncryptionKeyInvalid

RAW = bytes(range(32))
KEY = base64.b64encode(RAW).decode()


def sealed(secret: bytes, *, key: bytes = RAW, nonce: bytes = b"0123456789ab") -> str:
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, secret, None)).decode()


def test_a_value_sealed_by_the_appliance_opens() -> None:
    assert CredentialCipher(KEY).password(sealed("geheim-ü".encode()), "x") == "geheim-ü"


def test_what_we_encrypt_has_the_same_layout_and_a_new_nonce_each_time() -> None:
    first, second = (CredentialCipher(KEY).encrypt("secret") for _ in range(2))
    raw = base64.b64decode(first, validate=True)
    assert AESGCM(RAW).decrypt(raw[:12], raw[12:], None) == b"secret"
    assert len(raw) == 12 + len("secret") + 16
    assert first != second


def test_the_plain_prefix_needs_no_key() -> None:
    assert CredentialCipher().password("TEMP_PLAINTEXT_a b", "x") == "a b"


def flipped(value: str) -> str:
    raw = bytearray(base64.b64decode(value))
    raw[-1] ^= 1
    return base64.b64encode(raw).decode()


@pytest.mark.parametrize(
    "stored",
    (
        "",
        "plain",
        "not base64!",
        base64.b64encode(b"short").decode(),
        flipped(sealed(b"secret")),
        sealed(b"secret", key=b"x" * 32),
        sealed(b"\xff\xfe not text"),
        sealed(b"secret").rstrip("="),
        "ünlesbar",
    ),
)
def test_a_password_that_does_not_open_is_never_taken_as_it_is(stored: str) -> None:
    with pytest.raises(CredentialUnreadable) as refused:
        CredentialCipher(KEY).password(stored, "the password of row 1")
    assert "row 1" in str(refused.value)
    assert not stored or stored not in str(refused.value)


def test_an_encrypted_password_without_a_key_says_which_variable_is_missing() -> None:
    with pytest.raises(CredentialUnreadable, match="MIGRATEKIT_CRED_ENCRYPTION_KEY is not set"):
        CredentialCipher().password(sealed(b"secret"), "x")


@pytest.mark.parametrize("key", ("x", base64.b64encode(b"k" * 16).decode(), "k" * 32, KEY + "!", "schlüssel"))
def test_a_key_that_is_none_is_refused_without_being_quoted(key: str) -> None:
    with pytest.raises(EncryptionKeyInvalid) as refused:
        CredentialCipher(key)
    assert len(key) < 2 or key not in str(refused.value)


def test_the_key_is_read_from_the_environment() -> None:
    cipher = CredentialCipher.from_environment({"MIGRATEKIT_CRED_ENCRYPTION_KEY": KEY})
    assert cipher.password(sealed(b"secret"), "x") == "secret"
    assert KEY not in repr(cipher)
    with pytest.raises(EncryptionKeyInvalid):
        CredentialCipher.from_environment({}).encrypt("secret")


@pytest.mark.parametrize(
    "plain",
    (
        "simulator-admin-key",
        "k" * 86,
        # Forty hexadecimal digits are base64 too, of a length that a ciphertext could have.
        "0123456789abcdef0123456789abcdef01234567",
    ),
)
def test_a_plain_cloudstack_key_stays_what_it_is_with_and_without_a_key(plain: str) -> None:
    assert CredentialCipher(KEY).cloudstack_key(plain, "x") == (plain, False)
    assert CredentialCipher().cloudstack_key(plain, "x") == (plain, False)


def test_an_encrypted_cloudstack_key_that_does_not_open_is_refused() -> None:
    stored = sealed(b"k" * 86, key=b"x" * 32)
    for cipher in (CredentialCipher(KEY), CredentialCipher()):
        with pytest.raises(CredentialUnreadable):
            cipher.cloudstack_key(stored, "x")
    assert CredentialCipher(KEY).cloudstack_key(sealed(b"k" * 86), "x") == ("k" * 86, True)
