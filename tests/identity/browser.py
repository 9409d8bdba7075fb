"""A browser as identity sees one: it keeps cookies, and asks the WSGI application of this process."""

import base64
import io
import itertools
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from wsgiref.util import setup_testing_defaults

from pillion.identity.wsgi import application  # isort: skip - sets Django up, which the others need
from pillion.identity import accounts

PASSWORD = "correct horse battery staple"
_numbers = itertools.count()


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def __getitem__(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def json(self) -> Any:
        """Parse the body."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Name the problem."""
        return str(self.json()["type"]).removeprefix("urn:pillion:problem:")

    @property
    def set_cookies(self) -> dict[str, str]:
        """Give the Set-Cookie lines by the cookie's name."""
        lines = [value.strip() for key, value in self.headers if key.lower() == "set-cookie"]
        return {line.partition("=")[0]: line for line in lines}


@dataclass
class Browser:
    """Keeps what `Set-Cookie` says; sends it back."""

    address: str = "192.0.2.1"
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, target: str, body: bytes = b"", **headers: str) -> Answer:
        """Send one request; `user_agent="x"` sends the header `User-Agent`."""
        path, _, query = target.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "wsgi.input": io.BytesIO(body),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_HOST": "localhost:8080",
            "HTTP_X_FORWARDED_FOR": self.address,
            "HTTP_COOKIE": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        }
        setup_testing_defaults(environ)
        for name, value in headers.items():
            key = name.upper()
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
        got: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> None:
            got[:] = [int(status.split(maxsplit=1)[0]), headers]

        answered = application(environ, start_response)
        answer = Answer(got[0], got[1], b"".join(answered))
        if close := getattr(answered, "close", None):  # PEP 3333: a server's duty
            close()
        for name, line in answer.set_cookies.items():
            self._keep(name, line)
        return answer

    def visit(self, target: str) -> Answer:
        """Open a page, as a person does."""
        return self.ask("GET", target, accept="text/html", sec_fetch_mode="navigate")

    def post_json(self, path: str, document: object, **headers: str) -> Answer:
        """Post JSON, as a program does."""
        return self.ask(
            "POST", path, json.dumps(document).encode(), content_type="application/json", **headers
        )

    def post_form(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        """Post a form, as a page does."""
        return self.ask(
            "POST",
            path,
            urlencode(fields).encode(),
            content_type="application/x-www-form-urlencoded",
            **{"accept": "text/html,*/*;q=0.8", "sec_fetch_mode": "navigate", **headers},
        )

    def sign_in(self, email: str, password: str = PASSWORD) -> Answer:
        """Sign in as a program does."""
        return self.post_json("/sign-in", {"email": email, "password": password})

    def renew(self, method: str = "GET", path: str = "/api/orders") -> Answer:
        """Ask for a fresh token, as the edge does: it takes the session's cookie out of the request."""
        session = self.cookies.get("pillion-session")
        if session is None:
            return self.ask(method, f"/-/renewal{path}")
        return self.ask(method, f"/-/renewal{path}", x_pillion_session=session)

    def me(self) -> Answer:
        """Ask `/me` with the token of this browser, as the edge passes it on."""
        return self.ask("GET", "/me", authorization=f"Bearer {self.cookies['pillion-token']}")

    def claims(self) -> dict[str, Any]:
        """Read what the token of this browser says, without checking it."""
        payload = self.cookies["pillion-token"].split(".")[1]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
        return claims

    def _keep(self, name: str, line: str) -> None:
        value = line.partition("=")[2].partition(";")[0]
        if "Max-Age=0" in line:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value


def new_email() -> str:
    """Give an address that no account has."""
    return f"user{next(_numbers)}@example.org"


def new_user(*roles: str) -> str:
    """Make an account with PASSWORD; gives its address."""
    return accounts.add_user(new_email(), PASSWORD, roles).email


def signed_in(*roles: str) -> Browser:
    """Give a browser of a new user who has signed in."""
    browser = Browser()
    answer = browser.sign_in(new_user(*roles))
    assert answer.status == 200, answer.body
    return browser


def signed_in_as() -> tuple[Browser, str]:
    """Give a browser of a new user who has signed in, and their address."""
    email, browser = new_user(), Browser()
    assert browser.sign_in(email).status == 200
    return browser, email
