"""API keys at the edge: it alone sees them; services see tokens."""

import json

import pytest

from tests import wire
from tests.edge.edge_mesh import FRONTEND, MANAGER, USER, EdgeMesh, cookie, headers, problem


def made(mesh: EdgeMesh, *words: str, user: str = USER) -> tuple[str, str]:
    """Make a key by the command line; gives its id and itself."""
    answer = mesh.mesh.pillion("api-key", "add", "test", "--user", user, "--json", *words)
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    return told["id"], told["key"]


@pytest.fixture(scope="module")
def key(edge: EdgeMesh) -> str:
    """Give a key of a user."""
    return made(edge)[1]


def test_a_service_sees_a_token_and_never_the_key(edge: EdgeMesh, key: str) -> None:
    answer = edge.get("/api/x", authorization=f"Bearer {key}")
    assert answer.status_code == 200
    got = headers(answer)
    assert got["authorization"].startswith("Bearer ey")
    assert got["x-pillion-email"] == USER
    assert key not in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_a_key_is_no_cookie_that_another_site_could_use(edge: EdgeMesh, key: str, method: str) -> None:
    """It comes from a program, which has no origin to show."""
    sent = {
        "authorization": f"Bearer {key}",
        "sec-fetch-site": "cross-site",
        "origin": "https://evil.example",
    }
    assert edge.ask(method, "/api/x", sent).status_code == 200


def test_roles_are_its_owners(edge: EdgeMesh, key: str) -> None:
    problem(edge.get("/api/reports", authorization=f"Bearer {key}"), 403, "rule-refused")
    _, managers = made(edge, user=MANAGER)
    assert edge.get("/api/reports", authorization=f"Bearer {managers}").status_code == 200


@pytest.mark.parametrize("path", ["/api/x", "/api/open/x", "/page"])
def test_a_key_that_is_none_is_refused_on_open_paths_too(edge: EdgeMesh, path: str) -> None:
    """With the challenge of a bad token; a browser as well, whose person would not know what to sign in for."""
    sent = {"authorization": "Bearer plk_" + "A" * 43, "accept": "text/html", "sec-fetch-mode": "navigate"}
    answer = edge.ask("GET", path, sent)
    problem(answer, 401, "api-key-invalid")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    "written",
    [
        "Bearer  {key}",
        "Basic {key}",
        "Bearer {key}, Bearer {key}",
        "Bearer {key}=",
        "Bearer x{key}",
        "Bearer {key}.a.b",
        "BEARER {key}",
        "{key}",
    ],
)
def test_a_key_is_written_in_one_way(edge: EdgeMesh, key: str, written: str) -> None:
    answer = edge.get("/api/x", authorization=written.format(key=key))
    assert answer.status_code == 401
    assert key not in answer.text


def test_two_headers_are_refused(edge: EdgeMesh, key: str) -> None:
    lines = [f"authorization: Bearer {key}"] * 2
    assert wire.ask(edge.address, "GET /api/x HTTP/1.1", "host: x", *lines).status == 401


def test_a_key_beside_a_cookie_is_judged_alone(edge: EdgeMesh) -> None:
    """Nobody is let in by their cookie who has shown a key that is no good."""
    signed_in = edge.sign_in()
    sent = cookie(session=signed_in["pillion-session"], token=signed_in["pillion-token"])
    answer = edge.get("/api/x", authorization="Bearer plk_" + "A" * 43, cookie=sent)
    problem(answer, 401, "api-key-invalid")


def test_nobody_outside_can_send_the_header_that_identity_believes(edge: EdgeMesh, key: str) -> None:
    problem(edge.get("/api/x", x_pillion_api_key=key), 401, "token-missing")


def test_a_sidecar_takes_no_key(edge: EdgeMesh, key: str) -> None:
    sidecar = edge.mesh.door("echo", "spiffe://proof/edge")
    lines = ["host: x", f"authorization: Bearer {key}"]
    assert wire.ask(sidecar, "GET /api/x HTTP/1.1", *lines).status == 401


def test_me_says_whose_key_it_is(edge: EdgeMesh) -> None:
    sid, key = made(edge)
    answer = edge.get("/me", authorization=f"Bearer {key}")
    assert (answer.json()["email"], answer.json()["session"]) == (USER, sid)


def test_the_audit_line_names_the_owner_and_no_line_the_key(edge: EdgeMesh, key: str) -> None:
    edge.get("/api/audited-key", authorization=f"Bearer {key}")
    audited = {
        name: [json.loads(line) for line in text.splitlines() if "/api/audited-key" in line]
        for name in ("edge", "echo")
        for text in [(edge.mesh.state / "audit" / f"{name}.jsonl").read_text(encoding="utf-8")]
    }
    assert all(line["sub"] for lines in audited.values() for line in lines)
    for folder in ("audit", "logs"):
        for file in (edge.mesh.state / folder).iterdir():
            assert key not in file.read_text(encoding="utf-8", errors="replace")


def test_a_revoked_key_ends_everywhere(edge: EdgeMesh) -> None:
    sid, key = made(edge)
    token = headers(edge.get("/api/x", authorization=f"Bearer {key}"))["authorization"]
    assert edge.get("/api/x", authorization=token).status_code == 200
    revoked = edge.mesh.pillion("api-key", "revoke", sid)
    assert revoked.returncode == 0, revoked.stderr
    assert "refused everywhere" in revoked.stdout
    problem(edge.get("/api/x", authorization=f"Bearer {key}"), 401, "api-key-invalid")
    problem(edge.get("/api/x", authorization=token), 401, "token-revoked")


def test_a_frontend_elsewhere_may_send_one(edge: EdgeMesh, key: str) -> None:
    sent = {"authorization": f"Bearer {key}", "origin": FRONTEND}
    assert edge.ask("POST", "/api/x", sent).status_code == 200


def test_keys_are_listed_for_people_and_programs(edge: EdgeMesh) -> None:
    sid, key = made(edge, "--scope", "orders:read")
    listed = json.loads(edge.mesh.pillion("api-key", "list", "--user", USER, "--json").stdout)
    [mine] = [one for one in listed if one["id"] == sid]
    assert (mine["name"], mine["hint"], mine["scopes"]) == ("test", key[:8], ["orders:read"])
    shown = edge.mesh.pillion("api-key", "list").stdout
    assert f"{sid}  {key[:8]}…  {USER}" in shown
    assert key not in shown
    assert edge.mesh.pillion("api-key", "list", "--user", MANAGER).returncode == 0
    unknown = edge.mesh.pillion("api-key", "list", "--user", "nobody@example.com")
    assert (unknown.returncode, unknown.stderr) == (1, "Error: there is no account for nobody@example.com\n")
