"""Makes tokens, good ones and bad ones: a bad one is signed as well as it can be."""

import base64
import json
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.envoy.signatures import OTHER_RSA, WAYS, Unsigned, encoded, new_key, public_jwk

LIFETIME: Final = 300
SUB: Final = "2f1c0c5e-6a1b-4b0e-9a52-2f0f6b1d8a11"
ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
Recipe = Mapping[str, Any]


@dataclass(frozen=True)
class Forge:
    """The key pair of a mesh, and where its tokens are good. It alone has the private key, as identity would."""

    issuer: str
    audience: str
    key: rsa.RSAPrivateKey = field(default_factory=lambda: new_key(2048))
    kid: str = field(default_factory=lambda: uuid.uuid4().hex)

    def jwk(self) -> dict[str, str]:
        """Give the public key (RFC 7517)."""
        return {**public_jwk(self.key), "kid": self.kid, "alg": "RS256", "use": "sig"}

    def good(self, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """Sign a token with these changes; without any it is good everywhere in the mesh."""
        return self.make({"header": header or {}, "claims": claims})

    def make(self, recipe: Recipe) -> str:
        """Make the token that a recipe of bad_tokens.json describes, without its scheme.

        `header`, `claims` change parts of the good token, `without_header`, `without` leave some out,
        `header_text`, `claims_text` stand for the whole; `sign` is one of WAYS; `edit` changes a part (h, p or s)
        when all is signed; `wire` puts the parts together. `<name>` is filled in, and {"now": 5} is a time.
        """
        header = self._text(recipe, "header", {"alg": "RS256", "typ": "at+jwt", "kid": self.kid})
        claims = self._text(recipe, "claims", self._claims())
        unsigned = Unsigned(header, claims, self.key, self.jwk())
        signature = WAYS[recipe.get("sign", "ours")](unsigned)
        parts = {"h": encoded(header), "p": encoded(claims), "s": encoded(signature)}
        for part, edit in recipe.get("edit", {}).items():
            parts[part] = _EDITS[edit](parts[part])
        wire: str = recipe.get("wire", "<h>.<p>.<s>")
        return re.sub("<([hps])>", lambda found: parts[found[1]], wire)

    def _claims(self) -> dict[str, Any]:
        now = int(time.time())
        return {
            "iss": self.issuer,
            "sub": SUB,
            "aud": self.audience,
            "exp": now + LIFETIME,
            "iat": now,
            "jti": str(uuid.uuid4()),
            "sid": "b2a9f3f0-52a4-4c3e-8a57-6d1f6c1f2f10",
            "client_id": "edge",
            "email": "ada@example.com",
            "roles": ["buyer", "manager"],
            "scope": "",
            "auth_time": now,
            "amr": ["pwd"],
        }

    def _text(self, recipe: Recipe, part: str, good: dict[str, Any]) -> bytes:
        if (written := recipe.get(f"{part}_text")) is not None:
            return self._filled(written).encode(recipe.get(f"{part}_encoding", "utf-8"))
        without = recipe.get("without_header" if part == "header" else "without", [])
        changed = {**good, **self._values(recipe.get(part, {}))}
        return json.dumps({name: value for name, value in changed.items() if name not in without}).encode()

    def _values(self, value: Any) -> Any:
        """Fill in what a recipe cannot know: the mesh's names, and times relative to now."""
        keys = {"<our-jwk>": self.jwk(), "<other-jwk>": public_jwk(OTHER_RSA)}
        match value:
            case {"now": int(seconds)}:
                return int(time.time()) + seconds
            case dict():
                return {self._filled(name): self._values(inner) for name, inner in value.items()}
            case list():
                return [self._values(inner) for inner in value]
            case str():
                return keys.get(value) or self._filled(value)
        return value

    def _filled(self, text: str) -> str:
        if number := re.fullmatch("<([0-9]+)>", text):
            return "x" * int(number[1])
        claims = self._claims()
        known = {
            "iss": self.issuer,
            "ISS": self.issuer.upper(),
            "iss-https": self.issuer.replace("http:", "https:"),
            "aud": self.audience,
            "AUD": self.audience.upper(),
            "kid": self.kid,
            "KID": self.kid.upper(),
            "exp": str(claims.pop("exp")),
            "good": json.dumps(claims)[1:-1],
            "nested": "[" * 2000 + "]" * 2000,
        }
        if "<token>" in text:
            known["token"] = self.good()
        return re.sub("<([A-Za-z-]+)>", lambda found: known[found[1]], text)


def _flipped(text: str, index: int) -> str:
    """Change one character's first bit: it stays base64url, and canonical."""
    return text[:index] + ALPHABET[ALPHABET.index(text[index]) ^ 32] + text[index + 1 :]


def _flip_last_byte(text: str) -> str:
    """Change the last byte that is encoded: of a JSON object, its closing brace."""
    data = _decoded(text)
    return encoded(data[:-1] + bytes([data[-1] ^ 1]))


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _with_members(text: str, **more: Any) -> str:
    """Write a JSON object anew, with these members: well-formed, so that nothing but the signature is wrong."""
    return encoded(json.dumps({**json.loads(_decoded(text)), **more}, indent=1).encode())


def _not_canonical(text: str) -> str:
    """Set an unused bit of the last character: lenient decoders give the same bytes."""
    assert len(text) % 4 != 0, "there are no unused bits"
    return text[:-1] + ALPHABET[ALPHABET.index(text[-1]) | 1]


_EDITS: Final = {
    "flip-first": lambda text: _flipped(text, 0),
    "flip-middle": lambda text: _flipped(text, len(text) // 2),
    "flip-last-byte": _flip_last_byte,
    "another-member": lambda text: _with_members(text, roles=["manager"]),
    "same-members": _with_members,
    "truncate": lambda text: encoded(_decoded(text)[:-1]),
    "extend": lambda text: encoded(_decoded(text) + b"\0"),
    "standard-alphabet": lambda text: "+/" + text.replace("-", "+").replace("_", "/")[2:],
    "not-canonical": _not_canonical,
}
