"""A gateway, an identity and services in one, with every classical weakness."""

import json
import re
import secrets
import time
import urllib.parse
import urllib.request
import uuid
from dataclasses import dataclass, field
from typing import Any

from pillion.attack import jose
from tests.attack.weak.server import Request, Response
from tests.attack.weak.tokens import Verifier

OPEN, PROTECTED, GUARDED = "/api/open", "/api/things", "/api/reports"
SESSION, TOKEN = "pillion-session", "pillion-token"
_TOKEN_LIKE = re.compile(r"[^\s,]{20,}")
_SLOW_SECONDS = 0.03


@dataclass
class Gateway:
    """What it holds. With `forgetful`, signing out ends nothing; else it does, whoever asks for it."""

    verifier: Verifier
    issuer: str
    logout_uri: str
    accounts: dict[str, str] = field(default_factory=dict)
    forgetful: bool = True
    sessions: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)

    def answer(self, asked: Request) -> Response:
        """Answer a request, as the edge would."""
        request = self._overridden(asked)
        if request.header("upgrade"):
            return Response(101)
        if request.header("x-envoy-upstream-rq-timeout-ms"):
            return Response(504)
        if request.method in {"TRACE", "TRACK"}:
            return Response(200, request.raw.encode("latin-1"))
        path = served(request.path)
        for prefix, handler in (
            ("/sign-in", self._sign_in),
            ("/sign-out", self._sign_out),
            ("/account/sessions/end", self._sign_out),
            ("/account/forgot", self._forgot),
            ("/oauth2/authorize", self._authorize),
            ("/oauth2/token", self._token),
            ("/oauth2/", self._other),
            ("/me", self._me),
            ("/.well-known", self._discovery),
        ):
            if path.startswith(prefix):
                return _shared(request, handler(request))
        return _shared(request, self._service(asked, request, path))

    def careless(self, request: Request) -> Response:
        """Answer as who believes in the network: a sidecar, an egress, a service, control."""
        return Response(200, json.dumps({"things": [], "envoy.": request.path}).encode())

    def issued(self, email: str, **claims: Any) -> str:
        """Sign a token."""
        now = int(time.time())
        usual = {
            "iss": self.issuer,
            "aud": "mesh",
            "sub": email,
            "email": email,
            "exp": now + 300,
            "iat": now,
        }
        header = {"alg": "RS256", "typ": "at+jwt", "kid": self.verifier.jwk["kid"]}
        said = usual | {"jti": str(uuid.uuid4()), "sid": str(uuid.uuid4())} | claims
        return jose.signed(header, said, self.verifier.key)

    def _overridden(self, request: Request) -> Request:
        """Believe the headers by which a request says that it is another one."""
        names = ("x-http-method-override", "x-http-method", "x-method-override")
        method = next(filter(None, map(request.header, names)), request.method)
        if "_method=POST" in request.path:
            method = "POST"
        paths = (
            "x-original-url",
            "x-original-uri",
            "x-rewrite-url",
            "x-envoy-original-path",
            "x-forwarded-uri",
        )
        path = next(filter(None, map(request.header, paths)), request.path)
        return Request(method, path, request.headers, request.body, request.raw)

    def _service(self, asked: Request, request: Request, path: str) -> Response:
        """Check the path as it was written, and serve another one: what the service makes of it."""
        caller = self._caller(request)
        closed = re.fullmatch(rf"({PROTECTED}|{GUARDED})(/ey.*)?", asked.path.partition("?")[0])
        checked = closed and asked.method == "GET" and OPEN not in asked.path and " HTTP/" in asked.raw
        if checked and caller is None:
            return _to_sign_in(request)
        seen = [(name, value) for name, value in request.headers if name not in _hop(request)]
        if path.startswith(PROTECTED) or path == "*":
            answer = _json(200, {"things": [], "headers": seen, "caller": caller})
            answer.headers.append(("Set-Cookie", f"{TOKEN}={self.issued(str((caller or {}).get('email')))}"))
            return answer
        if path.startswith(GUARDED):
            return _json(
                200 if "manager" in str(seen) + str(caller) else 403, {"reports": [], "headers": seen}
            )
        if path.startswith("/-/renewal") and caller is None:
            return Response(401)
        if path.startswith("/-/attack-"):
            return Response(404)
        body = {"open": True, "headers": seen, "envoy.": "the admin interface, too"}
        return _json(200, body)

    def _caller(self, request: Request) -> dict[str, Any] | None:
        """Find out who it is, from wherever that may stand."""
        said = [value for name, value in request.headers if _names_a_caller(name)]
        if said:
            return {"sub": said[-1], "email": said[-1]}
        inside = request.header("x-envoy-internal") or request.header("x-envoy-original-dst-host")
        if inside or "127.0.0.1" in request.header("x-forwarded-for"):
            return {"sub": "from inside"}
        cookies = self._cookies(request)
        known = [sid for sid in self.sessions if sid in cookies.values() or sid in request.path]
        if known:  # of several the newest
            return {"sub": self.sessions[known[-1]], "email": self.sessions[known[-1]]}
        if self.verifier.blind and SESSION in cookies:
            return {"sub": "somebody"}
        return next(filter(None, map(self.verifier.claims, self._tokens(request, cookies))), None)

    def _tokens(self, request: Request, cookies: dict[str, str]) -> list[str]:
        """Take for a token what stands in the header, in other headers, in cookies, address or body."""
        names = ("authorization", "proxy-authorization", "x-authorization", "x-access-token")
        more = ("x-forwarded-access-token", "sec-websocket-protocol")
        values = [value for name, value in request.headers if name in {*names, *more}]
        whole = [value.partition(" ")[2] for value in values if value.startswith("Bearer ")]
        texts = [
            *values,
            request.path.replace("=", " ").replace("/", " "),
            request.body.decode("latin-1").replace("=", " "),
        ]
        within = [
            found
            for text in texts
            for found in _TOKEN_LIKE.findall(text.replace('="', " ").replace("Bearer", " "))
        ]
        return [*cookies.values(), *whole, *within]

    def _cookies(self, request: Request) -> dict[str, str]:
        """Read cookies in any spelling: any case, quoted, nameless, with another prefix."""
        found: dict[str, str] = {}
        for _, value in (header for header in request.headers if header[0] == "cookie"):
            for pair in value.split(";"):
                name, _, text = pair.strip().lstrip("=").partition("=")
                key = name.lower().removeprefix("__secure-")
                found[f"{key} {len(found)}" if key in found else key] = text.strip('"').removeprefix(
                    "Bearer "
                )
        return found

    def _sign_in(self, request: Request) -> Response:
        form = _form(request)
        email, wanted = str(form.get("email", "")), str(form.get("next", ""))
        if email not in self.accounts:
            return Response(200) if not email else _json(404, {"error": "no such account"})
        if form.get("password") != self.accounts[email]:
            time.sleep(_SLOW_SECONDS)
            return _json(401, {"error": "wrong password"})
        # The session that the browser had stays what it is: whoever planted it knows it.
        session = self._cookies(request).get(SESSION) or secrets.token_urlsafe(24)
        self.sessions.pop(session, None)
        self.sessions[session] = email
        cookies = [
            ("Set-Cookie", f"{SESSION}={session}; Domain=x; Path=/me"),
            ("Set-Cookie", f"{TOKEN}={self.issued(email)}"),
        ]
        if "text/html" in request.header("accept"):
            return Response(
                303, b"", [*cookies, ("Location", re.sub(r"(?<!\r)\n", "", urllib.parse.unquote(wanted)))]
            )
        return Response(200, b"{}", cookies)

    def _sign_out(self, request: Request) -> Response:
        caller = self._caller(request) or {}
        if not self.forgetful:
            for session in [one for one, email in self.sessions.items() if email == caller.get("email")]:
                del self.sessions[session]
        told = {"logout_token": self.issued(str(caller.get("email")), events={})}
        data = urllib.parse.urlencode(told).encode()
        with urllib.request.urlopen(self.logout_uri, data):
            return Response(204)

    def _forgot(self, request: Request) -> Response:
        known = _form(request).get("email") in self.accounts
        return _json(202 if known else 404, {"error": "sent" if known else "no such account"})

    def _me(self, request: Request) -> Response:
        if request.method == "POST":
            return Response(405)
        caller = self._caller(request)
        return _json(200, caller) if caller else Response(401)

    def _discovery(self, request: Request) -> Response:
        return _json(200, {"issuer": f"https://{_host(request)}", "keys": [self.verifier.jwk]})

    def _authorize(self, request: Request) -> Response:
        asked = dict(urllib.parse.parse_qsl(request.path.partition("?")[2]))
        caller = self._caller(request) or {}
        code = secrets.token_urlsafe(24)
        self.codes[code] = str(caller.get("email"))
        uri = asked["redirect_uri"]
        token = f"#access_token={self.issued(self.codes[code])}" if "token" in asked["response_type"] else ""
        return Response(303, b"", [("Location", f"{uri}{'&' if '?' in uri else '?'}code={code}{token}")])

    def _token(self, request: Request) -> Response:
        form = _form(request)
        email = self.codes.get(str(form.get("code") or form.get("refresh_token")), "a client")
        refresh = secrets.token_urlsafe(24)
        self.codes[refresh] = email
        token = self.issued(email, aud=form.get("resource", "mesh"), scope=form.get("scope", ""))
        identity = self.issued(email, aud="a client", nonce="x")
        return _json(200, {"access_token": token, "refresh_token": refresh, "id_token": identity})

    def _other(self, request: Request) -> Response:
        if "post_logout_redirect_uri=" in request.path:
            return Response(303, b"", [("Location", urllib.parse.unquote(request.path.rpartition("=")[2]))])
        return _json(200, {"active": True})


def served(path: str) -> str:
    """Read a path as the most helpful of services does: decoded, resolved, cut, and in any case."""
    text = re.sub(
        r"^[a-z]+://[^/]*", "", path.partition("#")[0] if "#/.." not in path else path.replace("#", "")
    )
    text = text.partition("?")[0]
    for _ in range(3):
        for written, meant in (("%c0%ae", "."), ("%c0%af", "/"), ("%ef%bc%8e", "."), ("%u002e", ".")):
            text = text.replace(written, meant)
        text = urllib.parse.unquote(text)
    text = re.sub(r";[^/]*", "", re.sub(r"[\0\s?]", "", text.replace("\\", "/")))
    kept: list[str] = []
    for segment in filter(None, text.lower().split("/")):
        if segment == "..":
            kept[-1:] = []
        elif segment != ".":
            kept.append(segment)
    return text if text == "*" else f"/{'/'.join(kept)}"


def _names_a_caller(name: str) -> bool:
    return name.startswith(("x-pillion-", "cf-access-", "x-ssl-client")) or (
        re.search("user|email|identity|principal|tenant", name) is not None
    )


def _hop(request: Request) -> set[str]:
    return {name.strip().lower() for name in request.header("connection").split(",")}


def _host(request: Request) -> str:
    names = ("x-forwarded-host", "x-forwarded-prefix", "forwarded", "host")
    return next(filter(None, map(request.header, names)), "")


def _to_sign_in(request: Request) -> Response:
    if "text/html" not in request.header("accept"):
        return Response(401)
    return Response(303, b"", [("Location", f"https://{_host(request)}/sign-in")])


def _shared(request: Request, response: Response) -> Response:
    """Let any origin read every answer, and lead navigations to wherever their path says."""
    if request.path.startswith(("//", "/\\", "/%09")) and "text/html" in request.header("accept"):
        return Response(303, b"", [("Location", request.path)])
    if request.header("origin"):
        response.headers.append(("Access-Control-Allow-Origin", request.header("origin")))
    return response


def _form(request: Request) -> dict[str, Any]:
    """Read fields from the body, whatever its type, or from the address."""
    text = request.body.decode("latin-1") or request.path.partition("?")[2]
    if text.startswith("{"):
        found: dict[str, Any] = json.loads(text)
        return found
    return dict(urllib.parse.parse_qsl(text))


def _json(status: int, document: Any) -> Response:
    return Response(status, json.dumps(document).encode(), [("Content-Type", "application/json")])
