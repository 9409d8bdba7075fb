"""After all that people and programs do with credentials, none of these stands in any log, span or metric."""

import base64
import hashlib
import json
import re
import secrets
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.edge.edge_mesh import USER
from tests.local.waiting import until
from tests.mesh import Mesh
from tests.system.shop import PASSWORD, link_to
from tests.telemetry.collector import Collector

BACK = "http://127.0.0.1:9/callback"


class Used:
    """The credentials that were used, by what they were."""

    def __init__(self) -> None:
        self.all: dict[str, str] = {}

    def add(self, what: str, value: str) -> str:
        """Take note of one. Of a token, what anybody may know (its header) is no secret."""
        assert len(value) > 8
        self.all[what] = value.split(".", 1)[1] if value.startswith("eyJ") else value
        return value

    def cookies(self, what: str, answer: httpx.Response) -> dict[str, str]:
        """Take note of Pillion's cookies in an answer."""
        assert answer.status_code in {200, 204}, answer.text
        for name, value in answer.cookies.items():
            self.add(f"{what}: {name}", value)
        return dict(answer.cookies)

    def tokens(self, what: str, answer: httpx.Response) -> dict[str, str]:
        """Take note of the tokens in an answer of the token endpoint."""
        assert answer.status_code == 200, answer.text
        found: dict[str, str] = answer.json()
        for name in ("access_token", "refresh_token", "id_token"):
            if name in found:
                self.add(f"{what}: {name}", found[name])
        return found


def people(started: Mesh, used: Used) -> dict[str, str]:
    """Sign in, fail to, sign up, change passwords; with cookies and tokens in right and wrong places."""
    edge = started.edge
    origin = {"origin": edge}
    used.add("password", PASSWORD)
    for where in ("sign-in", "sign-up", "account/confirm"):
        wrong = {"email": USER, "password": used.add(f"wrong password at {where}", f"wrong for {where}")}
        httpx.post(f"{edge}/{where}", json=wrong, headers=origin)
        httpx.post(f"{edge}/{where}", data=wrong, headers={**origin, "accept": "text/html"})
        httpx.get(f"{edge}/{where}", params=wrong)
    jar = used.cookies("sign-in", httpx.post(f"{edge}/sign-in", json={"email": USER, "password": PASSWORD}))
    new = used.add("new account's password", "the newest of passphrases")
    assert (
        httpx.post(f"{edge}/sign-up", json={"email": "new@example.com", "password": new}).status_code == 202
    )
    [key] = parse_qs(urlsplit(link_to(started, "new@example.com", "verify")).query)["key"]
    confirmed = {"key": key, "password": new}
    theirs = used.cookies("verify", httpx.post(f"{edge}/account/verify", json=confirmed, headers=origin))
    changed = used.add("changed password", "quite another passphrase")
    answer = httpx.post(
        f"{edge}/account/password", json={"password": changed}, cookies=theirs, headers=origin
    )
    used.cookies("changed password", answer)
    only_session = {"pillion-session": jar["pillion-session"]}
    renewed = used.cookies("renewal", httpx.get(f"{edge}/api/x", cookies=only_session))
    for token in (renewed["pillion-token"], renewed["pillion-token"][:-4] + "AAAA"):
        for headers in (
            {"authorization": f"Bearer {token}"},
            {"x-token": token, "referer": f"{edge}/?t={token}"},
        ):
            httpx.get(f"{edge}/api/x", params={"access_token": token}, headers=headers)
        httpx.get(f"{edge}/api/x", cookies={"pillion-token": token})
    return jar


def programs(started: Mesh, used: Used, jar: dict[str, str]) -> None:
    """Use API keys, and every grant, also wrongly; by the command line, too."""
    edge = started.edge
    key = json.loads(started.pillion("api-key", "add", "ci", "--user", USER, "--json").stdout)["key"]
    used.add("API key", key)
    assert httpx.get(f"{edge}/api/x", headers={"authorization": f"Bearer {key}"}).status_code == 200
    httpx.get(f"{edge}/api/x", headers={"authorization": f"Bearer {key[:-1]}_"})
    used.add("token of the command line", started.pillion("token", "--user", USER).stdout.strip())

    machine = ("client", "add", "machine", "--grant", "client_credentials", "--json")
    client = json.loads(started.pillion(*machine).stdout)
    auth = (client["client_id"], used.add("client secret", client["client_secret"]))
    wrong = (client["client_id"], used.add("wrong client secret", "no secret of ours"))
    grant = {"grant_type": "client_credentials"}
    used.tokens("client", httpx.post(f"{edge}/oauth2/token", data=grant, auth=auth))
    httpx.post(f"{edge}/oauth2/token", data=grant, auth=wrong)
    httpx.post(f"{edge}/oauth2/token", params={"client_secret": wrong[1]}, data=grant)

    app = ("client", "add", "app", "--public", "--first-party", "--redirect-uri", BACK, "--json")
    public = json.loads(started.pillion(*app, "--scope", "openid", "--scope", "offline_access").stdout)[
        "client_id"
    ]
    verifier = used.add("verifier", secrets.token_urlsafe(48))
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {
        "client_id": public,
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": "openid offline_access",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "state": used.add("state", secrets.token_urlsafe(16)),
    }
    answer = httpx.get(f"{edge}/oauth2/authorize", params=asked, cookies=jar)
    [code] = parse_qs(urlsplit(answer.headers["location"]).query)["code"]
    exchange = {
        "grant_type": "authorization_code",
        "client_id": public,
        "redirect_uri": BACK,
        "code": used.add("code", code),
        "code_verifier": verifier,
    }
    tokens = used.tokens("code", httpx.post(f"{edge}/oauth2/token", data=exchange))
    refresh = {"grant_type": "refresh_token", "client_id": public, "refresh_token": tokens["refresh_token"]}
    used.tokens("refresh", httpx.post(f"{edge}/oauth2/token", data=refresh))
    assert httpx.post(f"{edge}/oauth2/token", data=refresh).status_code == 400  # twice: the grant ends
    httpx.post(f"{edge}/oauth2/revoke", data={"client_id": public, "token": tokens["refresh_token"]})
    httpx.get(f"{edge}/oauth2/userinfo", headers={"authorization": f"Bearer {tokens['access_token']}"})


@pytest.fixture(scope="module")
def told(telling: tuple[Mesh, Collector, int]) -> tuple[dict[str, str], dict[str, str]]:
    """Do all that; gives the credentials, and all that was written, by where it stands."""
    started, there, port = telling
    used = Used()
    jar = people(started, used)
    programs(started, used, jar)
    assert (
        httpx.post(f"{started.edge}/sign-out", cookies=jar, headers={"origin": started.edge}).status_code
        == 204
    )
    httpx.get(f"{started.edge}/api/x", cookies=jar)
    httpx.get(f"{started.edge}/api/the-last-one")
    until(
        lambda: "/api/the-last-one" in (started.state / "audit" / "edge.jsonl").read_text(), "the last line"
    )
    until(lambda: any("the-last-one" in text for text in there.everything), "the last one is told")
    files = [path for folder in ("audit", "logs") for path in (started.state / folder).iterdir()]
    written = {str(path.relative_to(started.state)): path.read_text() for path in files}
    written["collector"] = "\n".join(there.everything)
    written["metrics"] = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    written["pillion audit"] = started.pillion("audit").stdout
    written["pillion changes"] = started.pillion("changes", "--json").stdout
    return used.all, written


def test_no_credential_stands_anywhere(told: tuple[dict[str, str], dict[str, str]]) -> None:
    credentials, written = told
    assert len(credentials) > 20
    found = [
        f"{what} in {where}"
        for what, value in credentials.items()
        for where, text in written.items()
        if value in text or base64.b64encode(value.encode()).decode().rstrip("=") in text
    ]
    assert found == []


def test_nothing_that_looks_like_one_stands_anywhere(told: tuple[dict[str, str], dict[str, str]]) -> None:
    """A token, whosever; a key of an API; a hash of a password."""
    _, written = told
    looks = re.compile(r"eyJ[\w-]{10,}\.[\w-]{10,}|plk_[\w-]{8,}|argon2\S*\$|-----BEGIN")
    assert {where: looks.findall(text) for where, text in written.items() if looks.search(text)} == {}


def test_there_was_something_to_look_at(told: tuple[dict[str, str], dict[str, str]]) -> None:
    """What was asked and refused is on record everywhere that it should be."""
    _, written = told
    for where in ("audit/edge.jsonl", "collector", "pillion audit"):
        for path in ("/sign-in", "/oauth2/token", "/api/x", "/account/password"):
            assert path in written[where], where
    assert {Path(where).name for where in written} >= {"control.log", "identity.log", "echo.jsonl", "up.log"}
