"""A session that is revoked: refused at every door, renewed no more, and forgotten by the browser."""

import json
import uuid
from collections.abc import Iterator
from functools import partial

import httpx
import pytest

from tests.edge.edge_mesh import SESSION, TOKEN, EdgeMesh, cookie, problem
from tests.local.waiting import until
from tests.system.shop import PASSWORD, add_user


@pytest.fixture
def somebody(edge: EdgeMesh) -> Iterator[str]:
    """Make an account that no other test signs in with."""
    email = f"{uuid.uuid4().hex}@example.com"
    add_user(edge.mesh, email)
    yield email
    assert edge.mesh.pillion("user", "delete", email, "--yes").returncode == 0


def cookies(signed_in: dict[str, str]) -> str:
    """Write what the browser sends."""
    return cookie(session=signed_in[SESSION], token=signed_in[TOKEN])


def test_its_token_is_refused_by_the_edge_and_the_sidecar(edge: EdgeMesh, somebody: str) -> None:
    """As a bearer's, with the challenge of RFC 6750, and the audit log says why."""
    token = edge.sign_in(somebody)[TOKEN]
    sent = {"authorization": f"Bearer {token}"}
    assert edge.ask("GET", "/api/x", sent).status_code == 200
    revoked = edge.mesh.pillion("session", "revoke", "--user", somebody)
    assert (revoked.returncode, revoked.stderr) == (0, "")
    first, second = revoked.stdout.splitlines()
    assert first == "revoked 1 session"
    assert second.startswith("refused everywhere in ")
    assert second.endswith(" ms (3 of 3)")
    sidecar, as_edge = edge.mesh.sidecar("echo"), edge.mesh.identified("spiffe://proof/edge")
    directly = httpx.get(f"{sidecar}/api/x", headers=sent, verify=as_edge)
    for answer in (edge.ask("GET", "/api/x", sent), directly):
        found = problem(answer, 401, "token-revoked")
        assert answer.headers["www-authenticate"].endswith(
            'error="invalid_token", error_description="The token has been revoked."'
        )
        assert "set-cookie" not in answer.headers
        until(partial(is_logged, edge, found["request_id"]), "the audit log says that it was revoked")


def is_logged(edge: EdgeMesh, request: str) -> bool:
    """Say whether an audit log names the revocation as the reason of that request's refusal."""
    logs = [edge.mesh.state / "audit" / f"{name}.jsonl" for name in ("edge", "echo")]
    lines = [line for log in logs for line in log.read_text(encoding="utf-8").splitlines()]
    return any(json.loads(line)["why"] == "token-revoked" for line in lines if request in line)


def test_a_browser_is_asked_to_sign_in_again(edge: EdgeMesh, somebody: str) -> None:
    """Its cookies are taken away, with a page and with data, and the sign-in form is not refused."""
    sent = {"cookie": cookies(edge.sign_in(somebody))}
    assert edge.ask("GET", "/api/x", sent).status_code == 200
    assert edge.mesh.pillion("user", "disable", somebody).returncode == 0
    page = edge.ask("GET", "/api/x", {**sent, "accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (303, "/sign-in?next=/api/x")
    data = edge.ask("GET", "/api/x", sent)
    problem(data, 401, "token-revoked")
    for answer in (page, data):
        lines = answer.headers.get_list("set-cookie")
        assert [line.partition("=")[0] for line in lines] == [SESSION, TOKEN]
        assert all("Max-Age=0" in line for line in lines)
    assert edge.ask("GET", "/sign-in", sent).status_code == 200


def test_it_is_not_renewed(edge: EdgeMesh, somebody: str) -> None:
    """The session alone is worth nothing any more either."""
    signed_in = edge.sign_in(somebody)
    assert edge.get("/api/x", cookie=cookie(session=signed_in[SESSION])).status_code == 200
    assert edge.mesh.pillion("session", "revoke", "--user", somebody).returncode == 0
    problem(edge.get("/api/x", cookie=cookie(session=signed_in[SESSION])), 401, "token-missing")


@pytest.mark.parametrize("how", ["sign-out", "session", "password", "disable"])
def test_everything_that_ends_a_session_refuses_its_token(edge: EdgeMesh, somebody: str, how: str) -> None:
    """Sign-out is not waited for by anybody, and spreads as quickly."""
    signed_in = edge.sign_in(somebody)
    sent = {"authorization": f"Bearer {signed_in[TOKEN]}"}
    other = {"authorization": f"Bearer {edge.sign_in(somebody)[TOKEN]}"}
    match how:
        case "sign-out":
            out = edge.ask("POST", "/sign-out", {"cookie": cookies(signed_in), "origin": edge.edge})
            assert out.status_code == 204
        case "session":
            sid = edge.ask("GET", "/me", sent).json()["session"]
            listed = edge.mesh.pillion("session", "list", "--user", somebody, "--json")
            assert sid in {session["sid"] for session in json.loads(listed.stdout)}
            assert edge.mesh.pillion("session", "revoke", "--session", sid).returncode == 0
        case "password":
            changed = pillion_with_password(edge, somebody, PASSWORD + " anew")
            assert changed.endswith(" ms (3 of 3)\n")
        case "disable":
            assert edge.mesh.pillion("user", "disable", somebody).returncode == 0
    if how == "sign-out":
        until(lambda: edge.ask("GET", "/api/x", sent).status_code == 401, "the token is refused")
    problem(edge.ask("GET", "/api/x", sent), 401, "token-revoked")
    others = edge.ask("GET", "/api/x", other).status_code
    assert others == (200 if how in {"sign-out", "session"} else 401)


def pillion_with_password(edge: EdgeMesh, email: str, password: str) -> str:
    """Change a password as an operator does."""
    changed = edge.mesh.pillion("user", "password", email, "--password-stdin", given=password)
    assert (changed.returncode, changed.stderr) == (0, "")
    return changed.stdout
