"""Identity providers for tests, over real sockets: what they answer, and how wrongly, is the test's business."""

import base64
import hashlib
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from django.test import override_settings
from joserfc import jws
from joserfc.jwk import RSAKey

from pillion.identity.config import Provider
from pillion.identity.providers import facebook, github
from tests.identity.browser import Answer, Browser, new_email
from tests.identity.conftest import CONFIG

CLIENT = "client-of-the-shop"
SECRET = "a secret: of the client"
KEY = RSAKey.generate_key(2048, {"kid": "first"}, auto_kid=False)
_CODE_IN_LOG = re.compile(r"code-[\w-]{20}|token-[\w-]{20}")


@dataclass
class Asked:
    """One question."""

    method: str
    path: str
    headers: dict[str, str]
    form: dict[str, str]


@dataclass
class Site:
    """A provider of OpenID Connect. `documents` answers paths by itself; `sign` makes ID tokens."""

    url: str = ""
    name: str = "okta"
    key: RSAKey = field(default_factory=lambda: KEY)
    documents: dict[str, Any] = field(default_factory=dict)
    configuration: dict[str, Any] = field(default_factory=dict)
    token_answer: dict[str, Any] = field(default_factory=dict)
    sign: Callable[[dict[str, Any]], str] | None = None
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    userinfo: dict[str, Any] | None = None
    asked: list[Asked] = field(default_factory=list)
    wait: float = 0.0
    drip: bool = False
    location: str = ""

    @property
    def callback(self) -> str:
        """The path that it sends people back to."""
        return f"/sign-in/with/{self.name}/callback"

    def allow(self, location: str, claims: dict[str, Any]) -> dict[str, str]:
        """Sign somebody in who came by `location`; gives what they are sent back with."""
        asked = dict(parse_qsl(urlsplit(location).query))
        code = f"code-{secrets.token_urlsafe(15)}"
        self.codes[code] = {"asked": asked, "claims": claims}
        return {"code": code, "state": asked["state"]}

    def answer(self, asked: Asked) -> tuple[int, Any]:
        """Say what to answer."""
        path = urlsplit(asked.path).path
        if path in self.documents:
            found: tuple[int, Any] = self.documents[path]
            return found
        match path:
            case "/.well-known/openid-configuration":
                return 200, self._configuration()
            case "/keys":
                return 200, {"keys": [self.key.as_dict(private=False)]}
            case "/token":
                return self._token(asked)
            case "/me":
                return 200, self.userinfo
        return 404, {}

    def _configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/auth",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            **({"userinfo_endpoint": f"{self.url}/me"} if self.userinfo is not None else {}),
            **self.configuration,
        }

    def _token(self, asked: Asked) -> tuple[int, Any]:
        basic = base64.b64decode(asked.headers.get("authorization", "").partition(" ")[2]).decode()
        given = asked.form.get("client_id"), asked.form.get("client_secret")
        if tuple(map(unquote, basic.split(":"))) != (CLIENT, SECRET) and given != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        code = self.codes.pop(asked.form.get("code", ""), None)
        if code is None or code["asked"]["redirect_uri"] != asked.form["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        verified = hashlib.sha256(asked.form["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(verified).rstrip(b"=").decode() == code["asked"]["code_challenge"]
        token = {"access_token": f"token-{secrets.token_urlsafe(15)}", "token_type": "Bearer"}
        if "nonce" in code["asked"]:
            now = int(time.time())
            claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300}
            claims |= {"nonce": code["asked"]["nonce"]} | code["claims"]
            claims = {name: value for name, value in claims.items() if value is not None}
            token["id_token"] = (self.sign or self.signed)(claims)
        return 200, token | self.token_answer

    def signed(self, claims: dict[str, Any]) -> str:
        """Sign as a good provider does."""
        header = {"alg": "RS256", "kid": self.key.kid}
        return jws.serialize_compact(header, json.dumps(claims).encode(), self.key)


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, dict(parse_qsl(body)))
            site.asked.append(asked)
            time.sleep(site.wait)
            status, said = site.answer(asked)
            content = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            if site.location:
                self.send_header("Location", site.location)
            self.end_headers()
            for byte in content if site.drip else b"":
                time.sleep(0.2)
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
            if not site.drip:
                self.wfile.write(content)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    return Handler


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients that go away are part of the tests."""


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """Serve until the block ends."""
    server = _Quiet(("127.0.0.1", 0), _handler(site))
    site.url = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


def provider(site: Site, **more: Any) -> Provider:
    """Give the provider as the topology says it."""
    return Provider(name=site.name, issuer=site.url, client_id=CLIENT, client_secret=SECRET, **more)


def known(name: str, **more: Any) -> Provider:
    """Give one of those that are known by name."""
    return Provider(name=name, client_id=CLIENT, client_secret=SECRET, **more)


def asking(*providers: Provider, **more: Any) -> AbstractContextManager[Any]:
    """Have identity know these providers."""
    return override_settings(PILLION=CONFIG.model_copy(update={"providers": providers, **more}))


def new_person(**claims: Any) -> dict[str, Any]:
    """Give the claims of somebody new, whose address is verified."""
    return {"sub": f"sub-{secrets.token_hex(8)}", "email": new_email(), "email_verified": True, **claims}


def begin(browser: Browser, site: Site, wanted: str = "/") -> str:
    """Press the button of the sign-in page; gives where that leads."""
    answer = browser.post_form(f"/sign-in/with/{site.name}", {"next": wanted})
    assert answer.status == 303, answer.body
    return answer["Location"]


def come_back(browser: Browser, site: Site, answer: dict[str, str]) -> Answer:
    """Come back from the provider with an answer."""
    return browser.ask(
        "GET",
        f"{site.callback}?{urlencode(answer)}",
        accept="text/html",
        sec_fetch_mode="navigate",
        sec_fetch_site="cross-site",
    )


def sign_in(browser: Browser, site: Site, claims: dict[str, Any], wanted: str = "/") -> Answer:
    """Sign in by the provider, from the button to where it ends."""
    return come_back(browser, site, site.allow(begin(browser, site, wanted), claims))


def from_account(browser: Browser, site: Site, claims: dict[str, Any], path: str, **fields: str) -> Answer:
    """Go to the provider from another form, and come back."""
    answer = browser.post_form(path, {"provider": site.name, **fields})
    assert answer.status == 303, answer.body
    assert answer["Location"].startswith("http"), answer["Location"]
    return come_back(browser, site, site.allow(answer["Location"], claims))


@contextmanager
def at_github(monkeypatch: Any, site: Site) -> Iterator[Site]:
    """Have GitHub's addresses lead to a site that answers as its documentation says."""
    site.name = "github"
    with serving(site):
        monkeypatch.setattr(github, "TOKEN", f"{site.url}/token")
        monkeypatch.setattr(github, "API", site.url)
        yield site


@contextmanager
def at_facebook(monkeypatch: Any, site: Site) -> Iterator[Site]:
    """Have Facebook's Graph API be a site that answers as its documentation says."""
    site.name = "facebook"
    with serving(site):
        monkeypatch.setattr(facebook, "GRAPH", site.url)
        yield site


def nothing_secret(text: str, *more: str) -> bool:
    """Tell whether a log holds no code, token, secret, and nothing of `more`."""
    return not _CODE_IN_LOG.search(text) and not any(secret in text for secret in (SECRET, *more))


def refused(answer: Answer, status: int, words: str, browser: Browser) -> None:
    """Assert that an answer is a page that says so, and that nobody was signed in."""
    assert answer.status == status, answer.body
    assert words in answer.body.decode()
    assert "Traceback" not in answer.body.decode()
    assert "pillion-token" not in browser.cookies
    assert not browser.renew()["Authorization"]
