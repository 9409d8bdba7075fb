"""ECDSA signatures: an Envoy takes several spellings of one, and Pillion's take one."""

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from pillion.attack import jose
from tests import wire
from tests.envoy import rig
from tests.envoy.rig import Rig

KEY = ec.generate_private_key(ec.SECP256R1())
KID = "elliptic"


@pytest.fixture(scope="module")
def envoys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Give Envoys that hold a key of ECDSA."""
    folder = tmp_path_factory.mktemp("ecdsa")
    jwk = jose.public_jwk(KEY, kid=KID, alg="ES256", use="sig")
    with rig.running(folder, "  orders: {app: APP, paths: [/api]}\n", keys=lambda _: [jwk]) as running:
        yield running


def _statuses(envoys: Rig, change: bytes = b"", zeros: int = 0) -> set[int]:
    """Show a token whose signature is changed: at the edge, in both its places, and at the sidecar."""
    token = jose.signed({"alg": "ES256", "typ": "at+jwt", "kid": KID}, jose.claims(envoys.forge.good()), KEY)
    text, _, written = token.rpartition(".")
    signature = jose.decoded(written)
    padding = bytes(zeros)
    changed = padding + signature[:32] + padding + signature[32:] + change
    sent = f"{text}.{jose.encoded(changed)}"
    asked = ("GET /api/things HTTP/1.1", "Host: edge")
    return {
        wire.ask(envoys.edge, *asked, f"Authorization: Bearer {sent}").status,
        wire.ask(envoys.edge, *asked, f"Cookie: pillion-token={sent}").status,
        wire.ask(envoys.sidecar(), *asked, f"Authorization: Bearer {sent}").status,
    }


def test_a_signature_of_the_right_length_is_good(envoys: Rig) -> None:
    assert _statuses(envoys) == {200}


@pytest.mark.parametrize(("change", "zeros"), [(b"\0", 0), (b"x", 0), (b"", 1), (b"", 96)])
def test_the_same_signature_in_another_length_is_not(envoys: Rig, change: bytes, zeros: int) -> None:
    assert _statuses(envoys, change, zeros) == {401}
