"""The master key: 32 random bytes from which every other secret at rest is derived."""

import base64
import binascii
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

VARIABLE: Final = "PILLION_MASTER_KEY"
LENGTH: Final = 32

# What a derived key is for; each label gives an unrelated key (RFC 5869, section 3.2).
SESSIONS_AND_SIGNATURES: Final = b"pillion identity: django secret key"
SIGNING_KEYS: Final = b"pillion identity: signing keys at rest"
QUEUED_MAIL: Final = b"pillion identity: mail that waits to be sent"
SECOND_FACTORS: Final = b"pillion identity: seeds of second factors at rest"


class MasterKeyError(Exception):
    """There is no usable master key; the message says where it was looked for and what would be right."""


class MasterKey:
    """The key, which shows itself in no repr, log or error."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def derive(self, label: bytes) -> bytes:
        """Derive the 32-byte key for one purpose, by HKDF-SHA256 (RFC 5869)."""
        return HKDF(algorithm=SHA256(), length=LENGTH, salt=None, info=label).derive(self._key)


def file_in(state: Path) -> Path:
    """Say where the key lies in a state folder."""
    return state / "secrets" / "master.key"


def obtain(state: Path, environ: Mapping[str, str], *, may_make: bool = True) -> MasterKey:
    """Take the key from PILLION_MASTER_KEY (base64), else from its file, which is made if it is not there.

    Unless it `may_make` one the variable must be set. Raises MasterKeyError then, if the value is not 32 bytes of
    base64, or if the file is not this user's alone.
    """
    given = environ.get(VARIABLE)
    if given is not None:  # empty is a mistake, and no reason to make another key
        return MasterKey(_decode(given, f"the environment variable {VARIABLE}"))
    if not may_make:
        raise MasterKeyError(
            f"the environment variable {VARIABLE} is not set: all pods need the same {LENGTH} bytes in base64, as"
            " 'openssl rand -base64 32' makes them"
        )
    file = file_in(state)
    try:
        if not file.exists():
            _make(file)
        return MasterKey(_read(file))
    except OSError as error:
        raise MasterKeyError(f"{file}: cannot be used: {error.strerror}") from None


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        status = os.fstat(opened.fileno())
        if status.st_uid != os.geteuid():
            raise MasterKeyError(f"{file}: belongs to another user (uid {status.st_uid}); make it yours")
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise MasterKeyError(f"{file}: may be read by others; make it yours alone: chmod 600 {file}")
        return _decode(opened.read(1024).decode("ascii", "replace"), str(file))


def _decode(text: str, place: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != LENGTH:
        raise MasterKeyError(f"{place}: does not hold a master key, which is {LENGTH} bytes in base64")
    return key


def _make(file: Path) -> None:
    """Write a new key under another name, then link it: of two at once one wins, and none reads half."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.parent.chmod(0o700)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(base64.b64encode(secrets.token_bytes(LENGTH)) + b"\n")
            opened.flush()
            os.fsync(opened.fileno())
        try:
            os.link(draft, file)
        except FileExistsError:
            return
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        draft.unlink(missing_ok=True)
