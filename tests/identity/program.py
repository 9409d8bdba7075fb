"""A program that people sign in to through identity: registered, and asking for tokens."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.identity.browser import Answer, Browser  # isort: skip - sets Django up
from pillion.identity.oauth import client_care
from pillion.identity.oauth.client_metadata import Wanted
from tests.identity.claims import claims, header

CALLBACK = "https://grafana.example/callback"
MESH = "shop"
__all__ = ["CALLBACK", "FORM", "MESH", "Program", "claims", "header", "machine", "program", "query"]
FORM = "application/x-www-form-urlencoded"


def query(answer: Answer) -> dict[str, str]:
    """Read the query of where an answer leads."""
    return {name: values[0] for name, values in parse_qs(urlsplit(answer["location"]).query).items()}


@dataclass
class Program:
    """A client; `verifier` is that of its latest request."""

    client_id: str
    secret: str | None
    redirect_uri: str = CALLBACK
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    def request(self, **parameters: str) -> dict[str, str]:
        """Give the parameters of an authorization request; an empty one is left out."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        usual = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid email",
            "state": "a state",
            "nonce": "a nonce",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in {**usual, **parameters}.items() if value}

    def authorize(self, browser: Browser, **parameters: str) -> Answer:
        """Send the browser to identity."""
        return browser.ask(
            "GET", f"/oauth2/authorize?{urlencode(self.request(**parameters))}", accept="text/html"
        )

    def code(self, browser: Browser, **parameters: str) -> str:
        """Give a code that somebody has come back with."""
        answer = self.authorize(browser, **parameters)
        assert answer.status == 303, answer.body
        return query(answer)["code"]

    def post(self, path: str, fields: dict[str, str] | list[tuple[str, str]], **headers: str) -> Answer:
        """Post a form as a program does, with the secret in the header if there is one."""
        given = dict(headers)
        pairs = list(fields.items()) if isinstance(fields, dict) else list(fields)
        if self.secret is None:
            pairs.append(("client_id", self.client_id))
        elif "authorization" not in given:
            pair = base64.b64encode(f"{self.client_id}:{self.secret}".encode()).decode()
            given["authorization"] = f"Basic {pair}"
        elif not given["authorization"]:
            del given["authorization"]
        return Browser().ask("POST", path, urlencode(pairs).encode(), content_type=FORM, **given)

    def token(self, **fields: str) -> Answer:
        """Ask for a token."""
        return self.post("/oauth2/token", fields)

    def redeem(self, code: str, /, **fields: str) -> Answer:
        """Ask for what a code is worth."""
        return self.token(
            **{
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self.redirect_uri,
                "code_verifier": self.verifier,
                **fields,
            }
        )

    def refresh(self, refresh_token: str, /, **fields: str) -> Answer:
        """Ask for the next tokens."""
        return self.token(**{"grant_type": "refresh_token", "refresh_token": refresh_token, **fields})

    def tokens(self, browser: Browser, **parameters: str) -> dict[str, Any]:
        """Give what somebody who is signed in brings the program."""
        answer = self.redeem(self.code(browser, **parameters))
        assert answer.status == 200, answer.body
        found: dict[str, Any] = answer.json()
        return found

    def introspect(self, token: str) -> dict[str, Any]:
        """Ask what a token says."""
        answer = self.post("/oauth2/introspect", {"token": token})
        assert answer.status == 200, answer.body
        found: dict[str, Any] = answer.json()
        return found

    def is_active(self, token: str) -> bool:
        """Ask whether a token is good."""
        return bool(self.introspect(token)["active"])


def program(**wanted: Any) -> Program:
    """Register a program: of the first party, with a secret, unless something else is wanted."""
    usual = {"name": "Grafana", "first_party": True, "redirect_uris": (CALLBACK,)}
    given = {**usual, **wanted}
    client, secret = client_care.add(Wanted(**given))
    uris = given["redirect_uris"]
    return Program(client.client_id, secret, uris[0] if uris else "")


def machine(**wanted: Any) -> Program:
    """Register a program that acts for itself."""
    return program(redirect_uris=(), first_party=False, **wanted)
