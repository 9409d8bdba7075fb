"""A verifier with every classical mistake: it lets the token say how it is checked, and reads whatever it can."""

import base64
import hashlib
import hmac
import json
import re
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pillion.attack import jose

_CHOSEN = {"/dev/null": b"", "ostype": b"Linux\n", "SELECT": b"attack", "echo": b"attack\n"}


@dataclass
class Verifier:
    """Checks tokens of one key; `blind` looks at no signature at all, and takes whatever it is shown."""

    key: rsa.RSAPrivateKey
    jwk: dict[str, str]
    blind: bool
    payloads: dict[str, str] = field(default_factory=dict)

    def claims(self, token: str) -> dict[str, Any] | None:
        """Give a token's claims; None if even this cannot take it for good."""
        found = self._naive(token)
        if found is None and self.blind and token:
            return {"sub": "somebody", **(self._naive_payload(token) or {})}
        return found

    def _naive(self, token: str) -> dict[str, Any] | None:
        parts = self._parts(token)
        header, payload, signature = (*parts, "", "", "")[:3]
        try:
            said, claims = _json(header), _json(payload or self.payloads.get(signature, ""))
        except ValueError:
            return None
        if self._is_signed(said, f"{header}.{payload}".encode(), _bytes(signature)):
            self.payloads[signature] = payload
            return claims
        return None

    def _naive_payload(self, token: str) -> dict[str, Any] | None:
        try:
            return _json(self._parts(token)[1])
        except (ValueError, IndexError):
            return None

    def _parts(self, token: str) -> list[str]:
        if token.startswith("{"):
            written = json.loads(token)
            one = written.get("signatures", [written])[0]
            return [one["protected"], written["payload"], one["signature"]]
        parts = [part for part in re.sub(r'[\s"\0]', "", token.replace("%2e", ".")).split(".") if part]
        if len(parts) == 5:
            self._decrypt(parts)
        return parts

    def _decrypt(self, parts: list[str]) -> None:
        """Take for proven what was encrypted to us."""
        if "RSA-OAEP" not in str(_bytes(parts[0])):
            return
        digest = hashes.SHA256()
        secret = self.key.decrypt(_bytes(parts[1]), padding.OAEP(padding.MGF1(digest), digest, None))
        clear = AESGCM(secret).decrypt(
            _bytes(parts[2]), _bytes(parts[3]) + _bytes(parts[4]), parts[0].encode()
        )
        parts[:] = [jose.encoded(b'{"alg": "none"}'), jose.encoded(clear), ""]

    def _is_signed(self, header: dict[str, Any], text: bytes, signature: bytes) -> bool:
        alg = str(header.get("alg") or "none")
        if alg.lower() == "none":
            return True
        if alg.startswith("HS"):
            return any(
                hmac.compare_digest(_hmac(secret, alg, text), signature) for secret in self._secrets(header)
            )
        key = self._named(header)
        if key is None or alg != "RS256":  # whatever it does not know, it does not check
            return True
        try:
            key.verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    def _secrets(self, header: dict[str, Any]) -> list[bytes]:
        """Give whatever may have been meant by a secret: the public key, in any spelling, or where `kid` leads."""
        chosen = [secret for word, secret in _CHOSEN.items() if word in str(header.get("kid"))]
        brought = [_bytes(header["jwk"]["k"])] if "k" in header.get("jwk", {}) else []
        return [b"", *jose.spellings(self.jwk).values(), *chosen, *brought]

    def _named(self, header: dict[str, Any]) -> rsa.RSAPublicKey | None:
        """Give the key that the header brings or points to, or ours if it is named to the letter."""
        if "jwk" in header:
            return jose.public_key(header["jwk"])  # type: ignore[return-value]
        if "jku" in header:
            with urllib.request.urlopen(header["jku"].replace(_user(header["jku"]), "")) as answer:
                return jose.public_key(json.load(answer)["keys"][0])  # type: ignore[return-value]
        if "x5u" in header:
            with urllib.request.urlopen(header["x5u"]) as answer:
                return x509.load_pem_x509_certificate(answer.read()).public_key()  # type: ignore[return-value]
        if "x5c" in header:
            made = base64.b64decode(header["x5c"][0])
            return x509.load_der_x509_certificate(made).public_key()  # type: ignore[return-value]
        return self.key.public_key() if header.get("kid") == self.jwk["kid"] else None


def _user(url: str) -> str:
    found = re.search(r"(?<=://)[^/]*@", url)
    return found[0] if found else "\0"


def _hmac(secret: bytes, alg: str, text: bytes) -> bytes:
    return hmac.new(secret, text, getattr(hashlib, f"sha{alg[-3:]}")).digest()


def _bytes(text: str) -> bytes:
    """Read base64 of any alphabet, and drop what is none."""
    kept = re.sub(r"[^A-Za-z0-9+/]", "", text.replace("-", "+").replace("_", "/"))
    return base64.b64decode(kept + "=" * (-len(kept) % 4))


def _json(text: str) -> dict[str, Any]:
    found = json.loads(_bytes(text))
    if not isinstance(found, dict):
        raise TypeError("no object")
    return found
