"""A passkey in software, for what no browser would send: whatever a credential says can be said otherwise."""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData

from tests.identity.browser import Answer, Browser

ORIGIN = "http://localhost:8080"
PASSKEYS = "/account/security/passkeys"
PRESENT, VERIFIED, ATTESTED = 1, 4, 64


@dataclass
class Passkey:
    """A key pair; `user` is whose it is, as told when it was made; `uses` counts its signatures."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    user: str = ""
    uses: int = 0

    def made(self, options: dict[str, Any], **otherwise: Any) -> str:
        """Answer what `options` ask to be made (WebAuthn, section 6.3.2)."""
        asked = options["publicKey"]
        self.user = asked["user"]["id"]
        public = ES256.from_cryptography_key(self.key.public_key())  # type: ignore[no-untyped-call]
        attested = AttestedCredentialData.create(b"\0" * 16, self.id, otherwise.get("public", public))
        flags = otherwise.get("flags", PRESENT | VERIFIED | ATTESTED)
        data = AuthenticatorData.create(_hash_of_host(), AuthenticatorData.FLAG(flags), self.uses, attested)
        said = _said("webauthn.create", asked["challenge"], otherwise)
        return self._credential(
            {"clientDataJSON": said, "attestationObject": AttestationObject.create("none", data, {})},
            otherwise,
        )

    def used(self, options: dict[str, Any], **otherwise: Any) -> str:
        """Answer what `options` ask to be signed (WebAuthn, section 6.3.3)."""
        said = _said("webauthn.get", options["publicKey"]["challenge"], otherwise)
        self.uses = otherwise.get("uses", self.uses + 1)
        flags = AuthenticatorData.FLAG(otherwise.get("flags", PRESENT | VERIFIED))
        data = AuthenticatorData.create(otherwise.get("host", _hash_of_host()), flags, self.uses)
        signed = data + hashlib.sha256(said).digest()
        answer: dict[str, Any] = {
            "clientDataJSON": said,
            "authenticatorData": data,
            "signature": otherwise.get("key", self.key).sign(signed, ec.ECDSA(SHA256())),
            "userHandle": websafe_decode(otherwise.get("user", self.user)),
        }
        return self._credential(answer, otherwise)

    def _credential(self, answer: dict[str, bytes], otherwise: dict[str, Any]) -> str:
        encoded = {name: websafe_encode(value) for name, value in answer.items()} | otherwise.get(
            "answer", {}
        )
        credential = {"id": websafe_encode(self.id), "rawId": websafe_encode(self.id), "type": "public-key"}
        results = {"clientExtensionResults": {"credProps": {"rk": True}}}
        return json.dumps({**credential, "response": encoded, **results, **otherwise.get("members", {})})


def _hash_of_host() -> bytes:
    return hashlib.sha256(b"localhost").digest()


def _said(what: str, challenge: str, otherwise: dict[str, Any]) -> bytes:
    data = {"type": what, "challenge": challenge, "origin": ORIGIN, "crossOrigin": False}
    return CollectedClientData(json.dumps(data | otherwise.get("said", {})).encode())


def add_passkey(browser: Browser, name: str = "laptop", **otherwise: Any) -> tuple[Passkey, Answer]:
    """Add a passkey to the account of a browser that has just signed in."""
    passkey = Passkey()
    options = browser.post_json(f"{PASSKEYS}/options", {}).json()
    credential = passkey.made(options, **otherwise)
    return passkey, browser.post_json(PASSKEYS, {"name": name, "credential": credential})


def sign_in(browser: Browser, passkey: Passkey, **otherwise: Any) -> Answer:
    """Sign in by the passkey alone."""
    options = browser.post_json("/sign-in/passkey/options", {}).json()
    return browser.post_json("/sign-in/passkey", {"credential": passkey.used(options, **otherwise)})
