"""A whole mesh that trusts another issuer: from what that publishes to who is let in, also when all is away."""

from pathlib import Path

from tests.control import faulty, issuer_site
from tests.control.faulty import status, wire_json
from tests.envoy.forge import SUB, Forge
from tests.local.waiting import until

TRUST = """
trust:
  sso:
    issuer: https://sso.example
    jwks: {url}
    audience: shop-api
"""


def test_a_caller_of_another_issuer_is_let_in_also_when_all_are_away(tmp_path: Path) -> None:
    site, sso = issuer_site.new(), Forge("https://sso.example", "shop-api")
    site.publish(sso.jwk())
    more = TRUST.format(url=site.url)
    with site.running(), faulty.running(tmp_path / "mesh", more) as mesh:
        token, bad = sso.good(), Forge(sso.issuer, sso.audience, kid=sso.kid).good()
        for address in (mesh.edge, mesh.sidecar):
            until(lambda address=address: status(address, token) == 200, "it is let in")  # type: ignore[misc]
            assert status(address, bad) == 401
            told = wire_json(address, "/x", token)["headers"]
            assert isinstance(told, dict)
            assert told["x-pillion-user"] == f"sso:{SUB}"
        # Identity knows its own users alone.
        assert status(mesh.edge, token, "/me") == 401
        [trusted] = mesh.mesh.status()["trust"]
        assert (trusted["name"], trusted["keys"], trusted["error"]) == ("sso", [sso.kid], None)
        shown = mesh.mesh.pillion("status")
        assert "TRUSTED" in shown.stdout
        assert f"sso       {sso.kid[:8]}" in shown.stdout
        with mesh.without_control_identity_and_database():
            before = mesh.pid("echo", "sidecar")
            mesh.kill("echo", "sidecar")
            until(lambda: mesh.pid("echo", "sidecar") not in (0, before), "the sidecar is started again")
            until(lambda: status(mesh.sidecar, token) == 200, "it is let in by the new sidecar as well")
            assert status(mesh.sidecar, bad) == 401
