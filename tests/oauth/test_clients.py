"""Clients that others have written, on the real identity, behind the real edge."""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from authlib.integrations.httpx_client import OAuth2Client

from tests.edge.edge_mesh import EdgeMesh, headers
from tests.identity.claims import claims
from tests.local.waiting import until
from tests.oauth.program import add, at_every_envoy, cookies, listening, until_refused

CALLBACK = "https://program.example/callback"
PARTNER = "https://partner.example"


def test_openid_client_signs_somebody_in(mesh: EdgeMesh, node: Any) -> None:
    """Discovery, code, user info, refresh, introspection, machine, exchange, device, logout."""
    grants = ("authorization_code", "refresh_token", "client_credentials", "token_exchange", "device_code")
    words = [word for grant in grants for word in ("--grant", grant)]
    words += [word for scope in ("openid", "email", "offline_access") for word in ("--scope", scope)]
    words += ["--audience", "proof", "--audience", PARTNER, "--redirect-uri", CALLBACK, "--first-party"]
    program = add(mesh, "openid-client", *words)
    found = node(
        "with_openid_client.mjs",
        mesh.edge,
        program["client_id"],
        program["client_secret"],
        CALLBACK,
        cookies(mesh),
    )
    token = found["second"]["access_token"]
    assert found["user"]["email"] == "grace@example.com"
    assert found["active"]["active"] is True
    assert found["device"]["verification_uri"] == f"{mesh.edge}/oauth2/device"
    assert at_every_envoy(mesh, token) == {200}
    assert at_every_envoy(mesh, found["machine"]["access_token"]) == {200}
    # None of these is for the mesh, though the same key has signed them.
    for other in (found["second"]["id_token"], found["narrower"]["access_token"]):
        assert at_every_envoy(mesh, other) == {401}
    named = headers(mesh.get("/api/x", authorization=f"Bearer {found['machine']['access_token']}"))
    assert named["x-pillion-user"] == program["client_id"]
    assert "x-pillion-email" not in named
    # The service is told of a user as it is when they came by themselves.
    named = headers(mesh.get("/api/x", authorization=f"Bearer {token}"))
    assert (named["x-pillion-user"], named["x-pillion-email"]) == (found["user"]["sub"], "grace@example.com")


def test_oauth4webapi_signs_somebody_in_without_a_secret_and_a_code_used_twice_ends_it(
    mesh: EdgeMesh, node: Any
) -> None:
    program = add(mesh, "oauth4webapi", "--public", "--first-party", "--redirect-uri", CALLBACK)
    found = node("with_oauth4webapi.mjs", mesh.edge, program["client_id"], CALLBACK, "proof", cookies(mesh))
    assert found["same"], "both metadata documents say the same"
    assert found["claims"]["sub"] == found["user"]["sub"]
    assert found["error"] == "invalid_grant"
    until_refused(mesh, found["tokens"]["access_token"])


def authlib(mesh: EdgeMesh, program: dict[str, Any], method: str = "client_secret_basic") -> OAuth2Client:
    """Make Authlib's client, on httpx."""
    return OAuth2Client(
        program["client_id"],
        program["client_secret"],
        token_endpoint_auth_method=method,
        token_endpoint=f"{mesh.edge}/oauth2/token",
        revocation_endpoint_auth_method=method,
        redirect_uri=CALLBACK,
        scope="openid email",
        code_challenge_method="S256",
    )


def come_back(mesh: EdgeMesh, client: OAuth2Client, cookie: str) -> dict[str, Any]:
    """Go the way of a browser that is signed in, and redeem the code."""
    verifier = "a-verifier-that-is-long-enough-0123456789-0123456789"
    there, _ = client.create_authorization_url(f"{mesh.edge}/oauth2/authorize", code_verifier=verifier)
    answer = httpx.get(there, headers={"cookie": cookie})
    tokens: dict[str, Any] = client.fetch_token(
        authorization_response=answer.headers["location"], code_verifier=verifier
    )
    return tokens


def test_a_replayed_refresh_token_is_answered_by_every_envoy(mesh: EdgeMesh) -> None:
    program = add(mesh, "Authlib", "--first-party", "--redirect-uri", CALLBACK)
    with authlib(mesh, program) as client:
        first = come_back(mesh, client, cookies(mesh))
        second = client.refresh_token(refresh_token=first["refresh_token"])
        assert at_every_envoy(mesh, second["access_token"]) == {200}
        replayed = httpx.post(
            f"{mesh.edge}/oauth2/token",
            data={"grant_type": "refresh_token", "refresh_token": first["refresh_token"]},
            auth=(program["client_id"], program["client_secret"]),
        )
        assert replayed.json()["error"] == "invalid_grant"
        until_refused(mesh, second["access_token"])


def test_a_client_gives_its_token_back_and_every_envoy_refuses_it(mesh: EdgeMesh) -> None:
    program = add(mesh, "Authlib", "--first-party", "--redirect-uri", CALLBACK)
    with authlib(mesh, program, "client_secret_post") as client:
        tokens = come_back(mesh, client, cookies(mesh))
        assert at_every_envoy(mesh, tokens["access_token"]) == {200}
        client.revoke_token(f"{mesh.edge}/oauth2/revoke", tokens["refresh_token"])
        until_refused(mesh, tokens["access_token"])


def test_who_signs_out_is_signed_out_of_the_program_which_is_told(mesh: EdgeMesh) -> None:
    with listening() as (origin, heard):
        words = ("--first-party", "--redirect-uri", CALLBACK, "--backchannel-logout-uri", f"{origin}/logout")
        program = add(mesh, "Told", *words)
        cookie = cookies(mesh)
        with authlib(mesh, program) as client:
            tokens = come_back(mesh, client, cookie)
        out = httpx.post(f"{mesh.edge}/sign-out", headers={"cookie": cookie, "origin": mesh.edge})
        assert out.status_code == 204
        until_refused(mesh, tokens["access_token"])
        until(lambda: heard, "the program is told")
        ((path, body),) = heard
        said = claims(parse_qs(body)["logout_token"][0])
        assert path == "/logout"
        assert said["sid"] == claims(tokens["id_token"])["sid"]
        assert at_every_envoy(mesh, parse_qs(body)["logout_token"][0]) == {401}


def test_a_deleted_client_is_refused_everywhere_when_the_command_returns(mesh: EdgeMesh) -> None:
    program = add(mesh, "Machine", "--role", "manager")
    with authlib(mesh, program) as client:
        token = client.fetch_token(grant_type="client_credentials", scope="")["access_token"]
    report = mesh.get("/api/reports/x", authorization=f"Bearer {token}")
    assert report.status_code == 200, "a rule goes by its role"
    listed = mesh.mesh.pillion("client", "list")
    assert f"{program['client_id']}  Machine" in listed.stdout
    shown = mesh.mesh.pillion("client", "show", program["client_id"])
    assert "manager" in shown.stdout
    assert program["client_secret"] not in shown.stdout + listed.stdout
    done = mesh.mesh.pillion("client", "delete", program["client_id"], "--yes")
    assert done.returncode == 0, done.stderr
    assert "refused everywhere in" in done.stdout
    assert at_every_envoy(mesh, token) == {401}


def test_the_edge_takes_basic_where_a_client_authenticates_and_nowhere_else(mesh: EdgeMesh) -> None:
    program = add(mesh, "Basic")
    auth = (program["client_id"], program["client_secret"])
    body = {"grant_type": "client_credentials"}
    assert httpx.post(f"{mesh.edge}/oauth2/token", data=body, auth=auth).status_code == 200
    wrong = httpx.post(f"{mesh.edge}/oauth2/token", data=body, auth=(auth[0], "x"))
    assert wrong.status_code == 401
    assert wrong.json()["error"] == "invalid_client"
    for path in ("/oauth2/userinfo", "/oauth2/token/", "/oauth2/authorize", "/api/x", "/me"):
        assert httpx.get(f"{mesh.edge}{path}", auth=auth).status_code == 401, path


def test_another_sites_form_may_ask_and_may_not_decide(mesh: EdgeMesh) -> None:
    """Even where the cookie comes along, from a neighbour on the same site."""
    asked = {"cookie": cookies(mesh), "origin": "https://evil.example", "sec-fetch-site": "same-site"}
    form = {"client_id": "x", "response_type": "code"}
    for path in ("/oauth2/authorize", "/oauth2/logout"):
        answer = httpx.post(f"{mesh.edge}{path}", data=form, headers=asked)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"{path}?{urlencode(form)}"
    for path in ("/oauth2/consent", "/oauth2/sign-out", "/oauth2/device"):
        assert httpx.post(f"{mesh.edge}{path}", data=form, headers=asked).status_code == 403


def test_a_page_of_another_origin_may_redeem_its_code(mesh: EdgeMesh) -> None:
    """A public client in a browser: no cookie, and an answer that its page may read."""
    spa = {"origin": "https://app.example", "sec-fetch-site": "cross-site"}
    answer = httpx.post(f"{mesh.edge}/oauth2/token", data={"grant_type": "x"}, headers=spa)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (400, "*")
    before = {
        **spa,
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization",
    }
    answer = httpx.options(f"{mesh.edge}/oauth2/userinfo", headers=before)
    assert (answer.status_code, answer.headers["access-control-allow-headers"]) == (204, "authorization")
    assert urlsplit(mesh.edge).scheme == "http"
