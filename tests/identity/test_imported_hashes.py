"""Password hashes as other systems export them: taken as they are, made anew at a sign-in, or refused."""

import base64
import hashlib
import json
from typing import Any

import argon2
import bcrypt
import pytest

from pillion.identity import accounts, backend, imported_hashes
from pillion.identity.imported_hashes import HashError
from pillion.identity.models import User
from tests.identity.browser import PASSWORD, Browser, new_email, new_user
from tests.identity.conftest import STRENGTH

SALT = b"sixteen bytes of"


def b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def ab64(value: bytes) -> str:
    """As passlib writes base64."""
    return b64(value).rstrip("=").replace("+", ".")


def derived(digest: str, iterations: int, salt: bytes = SALT, length: int | None = None) -> bytes:
    return hashlib.pbkdf2_hmac(digest, PASSWORD.encode(), salt, iterations, length)


def keycloak(algorithm: str, iterations: int, value: bytes, **parameters: list[str]) -> dict[str, Any]:
    """Write a credential as a realm's export has it."""
    made = {"hashIterations": iterations, "algorithm": algorithm, "additionalParameters": parameters}
    secret = {"value": b64(value), "salt": b64(SALT), "additionalParameters": {}}
    return {
        "id": "8d4e",
        "type": "password",
        "createdDate": 1,
        "secretData": json.dumps(secret),
        "credentialData": json.dumps(made),
    }


def django_scrypt(n: int = 16384, r: int = 8, p: int = 1) -> str:
    value = hashlib.scrypt(PASSWORD.encode(), salt=b"salty", n=n, r=r, p=p, maxmem=2**28, dklen=64)
    return f"scrypt${n}$salty${r}${p}${b64(value)}"


def argon(kind: argon2.Type, memory: int = 8192) -> str:
    return argon2.PasswordHasher(time_cost=2, memory_cost=memory, parallelism=4, type=kind).hash(PASSWORD)


def hard(salt: bytes = b"$2b$04$") -> str:
    return bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).replace(b"$2b$04$", salt).decode()


GOOD: dict[str, Any] = {
    "bcrypt-2a": hard(b"$2a$04$"),
    "bcrypt-2b": hard(),
    "bcrypt-2y, of PHP": hard(b"$2y$04$"),
    "bcrypt of Django": "bcrypt$" + hard(),
    "bcrypt_sha256 of Django": "bcrypt_sha256$"
    + bcrypt.hashpw(hashlib.sha256(PASSWORD.encode()).hexdigest().encode(), bcrypt.gensalt(4)).decode(),
    "pbkdf2 of Django": f"pbkdf2_sha256$26000$saltsalt${b64(derived('sha256', 26000, b'saltsalt'))}",
    "pbkdf2 of passlib": f"$pbkdf2-sha256$29000${ab64(SALT)}${ab64(derived('sha256', 29000))}",
    "pbkdf2-sha512 of passlib": f"$pbkdf2-sha512$25000${ab64(SALT)}${ab64(derived('sha512', 25000))}",
    "pbkdf2-sha256 of Keycloak": keycloak("pbkdf2-sha256", 27500, derived("sha256", 27500, length=64)),
    "pbkdf2-sha512 of Keycloak, as text": json.dumps(
        keycloak("pbkdf2-sha512", 21000, derived("sha512", 21000, length=64))
    ),
    "argon2 of Keycloak": keycloak(
        "argon2",
        5,
        argon2.low_level.hash_secret_raw(PASSWORD.encode(), SALT, 5, 7168, 1, 32, argon2.Type.ID),
        hashLength=["32"],
        memory=["7168"],
        type=["id"],
        version=["1.3"],
        parallelism=["1"],
    ),
    "scrypt of Django": django_scrypt(),
    "scrypt beyond OpenSSL's own limit": django_scrypt(n=65536),
    "argon2id": argon(argon2.Type.ID),
    "argon2i": argon(argon2.Type.I),
    "argon2id of Django": "argon2" + argon(argon2.Type.ID),
}


def with_hash(written: Any) -> str:
    """Give the address of an account with that hash."""
    email = new_user()
    User.objects.filter(email=email).update(password=imported_hashes.stored(written))
    return email


@pytest.mark.parametrize("written", GOOD.values(), ids=GOOD.keys())
def test_who_comes_with_such_a_hash_signs_in_and_has_ours_afterwards(written: Any) -> None:
    email = with_hash(written)
    before = User.objects.get(email=email).password
    assert Browser().sign_in(email, PASSWORD + "x").status == 401
    assert User.objects.get(email=email).password == before
    assert Browser().sign_in(email).status == 200
    assert User.objects.get(email=email).password.startswith("argon2$argon2id$v=19$m=1024,t=1,p=1$")
    assert Browser().sign_in(email).status == 200


def test_ours_are_as_strong_as_owasp_asks_for() -> None:
    """In the tests they are weaker, see `conftest`: 19 MiB, two rounds, one lane."""
    assert STRENGTH == (19 * 1024, 2, 1)


def test_bcrypt_takes_72_bytes_of_a_password_as_it_always_did() -> None:
    """The library refuses longer ones by now: that was a 500."""
    long = "é" * 36 + " and what bcrypt never saw"
    email = new_user()
    kept = "bcrypt" + bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)).decode()
    User.objects.filter(email=email).update(password=kept)
    assert Browser().sign_in(email, "é" * 35 + "e" + long[36:]).status == 401
    assert Browser().sign_in(email, long).status == 200
    assert Browser().sign_in(email, "é" * 36).status == 401  # ours sees all of it


V = ab64(bytes(32))
BAD: dict[str, tuple[Any, str]] = {
    "md5": ("5f4dcc3b5aa765d61d8327deb882cf99", "of no kind"),
    "sha1 of Django": ("sha1$salt$" + "0" * 40, "of no kind"),
    "sha512crypt": ("$6$rounds=5000$salt$" + "a" * 86, "of no kind"),
    "empty": ("", "of no kind"),
    "a number": (7, "neither a text"),
    "bcrypt cost 17": (hard().replace("$04$", "$17$"), "the cost 17"),
    "bcrypt cost 99": (hard().replace("$04$", "$99$"), "the cost 99"),
    "bcrypt cost 3": (hard().replace("$04$", "$03$"), "the cost 3"),
    "bcrypt cut": (hard()[:-1], "no whole bcrypt"),
    "bcrypt and a line": (hard() + "\n", "no whole bcrypt"),
    "bcrypt $2x$": (hard(b"$2x$04$"), "no whole bcrypt"),
    "pbkdf2 of one iteration": (f"pbkdf2_sha256$1$salt${V}=", "1 iterations"),
    "pbkdf2 of a billion": (f"pbkdf2_sha256$1000000000$salt${V}=", "1000000000 iterations"),
    "pbkdf2 of more digits than a number has": (f"pbkdf2_sha256${'9' * 5000}$salt${V}=", "where a number"),
    "pbkdf2 of ²": (f"pbkdf2_sha256$10²$salt${V}=", "where a number"),
    "pbkdf2 of sha1": (f"pbkdf2_sha1$26000$salt${V}=", "of no kind"),
    "pbkdf2 cut": ("pbkdf2_sha256$26000$salt", "no whole PBKDF2"),
    "pbkdf2 of nothing": ("pbkdf2_sha256$26000$salt$", "of a length"),
    "pbkdf2 without salt": (f"pbkdf2_sha256$26000$${V}=", "of a length"),
    "pbkdf2 not in base64": ("pbkdf2_sha256$26000$salt$é", "where base64"),
    "scrypt of 1 GiB": (django_scrypt().replace("$16384$", "$1048576$"), "more memory than 256 MiB"),
    "scrypt of many lanes": (django_scrypt().replace("$8$1$", "$8$100$"), "too much time"),
    "scrypt of an odd N": (django_scrypt().replace("$16384$", "$16385$"), "does not allow"),
    "scrypt of no block": (django_scrypt().replace("$8$1$", "$0$1$"), "does not allow"),
    "argon2 of 1 GiB": (argon(argon2.Type.ID).replace("m=8192", "m=1048576"), "more memory than 256 MiB"),
    "argon2 of many passes": (argon(argon2.Type.ID).replace("t=2", "t=4000000"), "too much time"),
    "argon2 of many lanes": (argon(argon2.Type.ID).replace("p=4", "p=200"), "too much time"),
    "argon2 of little memory": (argon(argon2.Type.ID).replace("m=8192", "m=8"), "does not allow"),
    "argon2d": (argon(argon2.Type.D), "no whole argon2id"),
    "argon2 of another version": (argon(argon2.Type.ID).replace("v=19", "v=16"), "no whole argon2id"),
    "argon2 cut": (argon(argon2.Type.ID).rpartition("$")[0], "no whole argon2id"),
    "Keycloak's of sha1": (keycloak("pbkdf2", 20000, bytes(32)), "of no kind"),
    "Keycloak's of no number": (
        {"credentialData": {"hashIterations": True}, "secretData": {"salt": "", "value": ""}},
        "hashIterations",
    ),
    "Keycloak's without a secret": ({"credentialData": "{}"}, "no secretData"),
    "Keycloak's with a null in it": ({"credentialData": "{}", "secretData": "null"}, "no secretData"),
    "nearly JSON": ("{", "begins like JSON"),
    "JSON too deep": ('{"a":' * 20000, "begins like JSON"),
    "too long": (f"pbkdf2_sha256$26000${'s' * 500}${V}=", "of a length"),
}


@pytest.mark.parametrize(("written", "why"), BAD.values(), ids=BAD.keys())
def test_a_hash_that_is_unsafe_or_absurd_is_refused_and_not_repeated(written: Any, why: str) -> None:
    with pytest.raises(HashError, match=why) as caught:
        imported_hashes.stored(written)
    assert len(str(caught.value)) < 150
    assert V not in str(caught.value)


def test_an_address_without_an_account_costs_what_some_account_costs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Imported hashes take another time than ours: unknown addresses do so as often as accounts."""
    User.objects.all().delete()
    for _ in range(20):
        with_hash(GOOD["bcrypt-2b"])
        new_user()
    strangers = [f"stranger{number}@example.org" for number in range(200)]
    checked: list[str] = []
    monkeypatch.setattr(backend, "check_password", lambda _, encoded: checked.append(encoded.split("$")[0]))
    monkeypatch.setattr("pillion.identity.models.user.check_password", lambda *_: pytest.fail("an account"))
    for stranger in strangers:
        assert backend.Backend().authenticate(None, email=stranger, password="wrong") is None
    kinds = list(checked)
    assert 40 < kinds.count("bcrypt") < 160
    assert set(kinds) == {"bcrypt", "argon2"}
    for stranger in strangers:  # whoever asks twice is told the same
        backend.Backend().authenticate(None, email=stranger, password="wrong")
    assert checked == kinds * 2


def test_a_stranger_whose_password_fits_the_account_in_their_place_is_not_let_in() -> None:
    User.objects.all().delete()
    email = with_hash(GOOD["bcrypt-2b"])
    kept = User.objects.get(email=email).password
    assert Browser().sign_in(new_email()).status == 401
    assert User.objects.get(email=email).password == kept


def test_the_right_password_of_a_disabled_account_makes_no_hash_anew() -> None:
    """That takes time, and so would tell that the password is right."""
    email = with_hash(GOOD["bcrypt-2b"])
    kept = User.objects.get(email=email).password
    accounts.set_active(email, active=False)
    assert Browser().sign_in(email).status == 401
    assert User.objects.get(email=email).password == kept


def test_a_sign_in_under_way_does_not_bring_the_old_password_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the check of the old hash and the new hash of the old password, its owner got another one."""
    email = with_hash(GOOD["bcrypt-2b"])
    check = bcrypt.checkpw

    def and_change(password: bytes, written: bytes) -> bool:
        fits = check(password, written)
        accounts.set_password(email, "another battery, not that horse")
        return fits

    monkeypatch.setattr(bcrypt, "checkpw", and_change)
    assert Browser().sign_in(email).status == 401
    monkeypatch.undo()
    assert Browser().sign_in(email).status == 401
    assert Browser().sign_in(email, "another battery, not that horse").status == 200
