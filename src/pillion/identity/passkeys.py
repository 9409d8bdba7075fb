"""Where passkeys can be used, and whether what a browser sends of one was meant for us."""

import ipaddress
import json
from typing import Final
from urllib.parse import urlsplit

from fido2.utils import websafe_decode
from fido2.webauthn import AuthenticatorData, CollectedClientData

from pillion.identity.config import Config
from pillion.identity.refusal import Refusal, malformed

# WebAuthn, section 5.8.1: what a credential, and the answer in it, hold as texts.
_TEXTS: Final = ("id", "rawId", "type")
_TEXTS_OF_THE_ANSWER: Final = (
    "clientDataJSON",
    "authenticatorData",
    "attestationObject",
    "signature",
    "userHandle",
)


def host(config: Config) -> str:
    """Give the relying party's id (WebAuthn, section 5.1.3): the origin's host."""
    return urlsplit(config.origin).hostname or ""


def on_localhost(config: Config) -> bool:
    """Tell whether the origin is http, and browsers take it for secure all the same (Secure Contexts, 3.1)."""
    name = host(config)
    return config.origin.startswith("http://") and (name == "localhost" or name.endswith(".localhost"))


def usable(config: Config) -> bool:
    """Tell whether browsers take passkeys at our origin: under a name, not an address, and in a secure context."""
    try:
        ipaddress.ip_address(host(config))
    except ValueError:
        return config.secure or on_localhost(config)
    return False


def check(text: str, config: Config) -> None:
    """Raise Refusal (400) unless this is a credential (JSON, as the page's script posts it) made at our origin.

    The signature is allauth's and fido2's business. They take the form for granted, and an origin of a subdomain.
    """
    try:
        credential = json.loads(text)
        answer = credential["response"]
        texts = [credential[name] for name in _TEXTS]
        texts += [answer[name] for name in _TEXTS_OF_THE_ANSWER if answer.get(name) is not None]
        said = CollectedClientData(websafe_decode(answer["clientDataJSON"]))
        extensions = credential.get("clientExtensionResults", {})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise _not_ours() from None
    if not all(isinstance(one, str) for one in texts) or not isinstance(extensions, dict):
        raise _not_ours()
    if credential["type"] != "public-key" or said.origin != config.origin or said.cross_origin:
        raise _not_ours()


def uses(text: str) -> int:
    """Give how often the authenticator says that it has signed (WebAuthn, 6.1.1); 0 if it does not count."""
    return AuthenticatorData(websafe_decode(json.loads(text)["response"]["authenticatorData"])).counter


def _not_ours() -> Refusal:
    return malformed("This is no answer of a passkey to this site.")
