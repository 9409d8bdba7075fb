"""Tokens of every algorithm, on a mesh that changes from one to the next: those of before stay good meanwhile."""

import base64
import json
from pathlib import Path

import httpx

from tests.control import faulty
from tests.control.faulty import Faulty, status
from tests.local.waiting import until


def signed_with(token: str) -> str:
    """Name the algorithm of a token."""
    header = token.partition(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(header + "=="))["alg"])


def change(mesh: Faulty, algorithm: str) -> None:
    """Have the mesh sign with another algorithm from its next start on."""
    file = mesh.mesh.file
    written = file.read_text(encoding="utf-8").partition("tokens:")[0]
    mesh.mesh.stop()
    file.write_text(f"{written}tokens: {{algorithm: {algorithm}}}\n", encoding="utf-8")
    mesh.do("up", "--detach")


def test_from_rs256_to_es256_to_eddsa(tmp_path: Path) -> None:
    with faulty.running(tmp_path / "mesh") as mesh:
        tokens = [mesh.token()]
        for algorithm in ("ES256", "EdDSA"):
            change(mesh, algorithm)
            until(lambda wanted=algorithm: _signs(mesh, wanted), f"{algorithm} signs")  # type: ignore[misc]
            tokens.append(mesh.token())
        assert [signed_with(token) for token in tokens] == ["RS256", "ES256", "EdDSA"]
        for token in tokens:
            assert (status(mesh.edge, token), status(mesh.sidecar, token)) == (200, 200)
        discovered = httpx.get(f"{mesh.mesh.edge}/.well-known/openid-configuration").json()
        assert discovered["id_token_signing_alg_values_supported"] == ["ES256", "EdDSA", "RS256"]
        published = httpx.get(f"{mesh.mesh.edge}/.well-known/jwks.json").json()["keys"]
        assert mesh.mesh.workload("edge", "edge")["keys"] == [key["kid"] for key in published]


def _signs(mesh: Faulty, algorithm: str) -> bool:
    keys = json.loads(mesh.do("keys", "list", "--json"))
    return [key["algorithm"] for key in keys if key["state"] == "signing"] == [algorithm]
