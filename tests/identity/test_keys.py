"""Keys at rest: the master key, and what it protects."""

import base64
import hashlib
import secrets
import stat
from pathlib import Path

import pytest
from django.conf import settings

from pillion.identity import key_rows, keys, master_key
from pillion.identity.master_key import MasterKey, MasterKeyError, file_in, obtain
from pillion.identity.models import SigningKey

GOOD = base64.b64encode(b"k" * 32).decode()


def test_a_master_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    """0600 in a folder 0700."""
    first, second = obtain(tmp_path / "state", {}), obtain(tmp_path / "state", {})
    file = file_in(tmp_path / "state")
    assert first.derive(b"x") == second.derive(b"x")
    assert first.derive(b"x") != first.derive(b"y")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [path.name for path in file.parent.iterdir()] == ["master.key"]


def test_a_master_key_from_the_environment_makes_no_file(tmp_path: Path) -> None:
    """And comes first."""
    key = obtain(tmp_path, {"PILLION_MASTER_KEY": GOOD})
    assert key.derive(b"x") == MasterKey(b"k" * 32).derive(b"x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", " ", "x", "====", GOOD[:-4], GOOD + "AAAA", "\u00e9" * 44, "k" * 32])
def test_what_is_no_master_key_is_refused_without_showing_it(text: str, tmp_path: Path) -> None:
    """In the environment and in the file."""
    for environ in ({"PILLION_MASTER_KEY": text}, {}):
        file = file_in(tmp_path)
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o600)
        with pytest.raises(MasterKeyError, match="32 bytes in base64") as caught:
            obtain(tmp_path, environ)
        assert len(text) < 5 or text not in str(caught.value)


def test_a_master_key_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever put it there can read what it protects."""
    obtain(tmp_path, {})
    monkeypatch.setattr("os.geteuid", lambda: 4711)
    with pytest.raises(MasterKeyError, match="another user"):
        obtain(tmp_path, {})


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_master_key_that_others_can_read_is_refused(mode: int, tmp_path: Path) -> None:
    """With what to do about it."""
    obtain(tmp_path, {})
    file_in(tmp_path).chmod(mode)
    with pytest.raises(MasterKeyError, match="chmod 600"):
        obtain(tmp_path, {})


def test_a_master_key_shows_itself_nowhere() -> None:
    """Not in a repr."""
    assert "kkkk" not in repr(MasterKey(b"k" * 32))


def test_the_private_key_is_encrypted_in_the_database() -> None:
    """Neither PEM nor DER is to be seen."""
    sealed = bytes(SigningKey.objects.get(state="signing").private_key)
    assert b"PRIVATE" not in sealed
    assert b"\x02\x03\x01\x00\x01" not in sealed


def test_a_wrong_master_key_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which says where the right one belongs."""
    monkeypatch.setattr(settings, "MASTER_KEY", MasterKey(secrets.token_bytes(32)))
    with pytest.raises(MasterKeyError, match="under another master key") as caught:
        keys.signer()
    assert master_key.VARIABLE in str(caught.value)
    assert "if it is lost, 'pillion keys replace'" in str(caught.value)


def test_a_secret_cannot_be_moved_to_another_row() -> None:
    """The kid is authenticated with it."""
    row = SigningKey.objects.get(state="signing")
    row.kid = "other"
    with pytest.raises(MasterKeyError):
        key_rows.private_key(row)


def test_the_kid_is_the_thumbprint() -> None:
    """RFC 7638, worked out by hand."""
    (jwk,) = keys.jwks()["keys"]

    text = f'{{"e":"{jwk["e"]}","kty":"RSA","n":"{jwk["n"]}"}}'
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    assert jwk["kid"] == digest
