"""Service accounts: the services of the mesh get tokens by what they were started with, and nobody else does."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.identity.browser import Answer  # isort: skip - sets Django up
from django.conf import settings

from pillion.identity.accounts import AccountError
from pillion.identity.models import OAuthClient
from pillion.identity.oauth import client_care
from tests.identity.program import MESH, Program, claims

ORDERS = "spiffe://shop/service/orders"
SECRET = "of the sidecar of orders"


def _write(file: Path, accounts: object) -> None:
    new = file.with_suffix(".new")
    new.write_text(accounts if isinstance(accounts, str) else json.dumps(accounts), encoding="utf-8")
    new.replace(file)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the file, in which there is one service."""
    named = tmp_path / "service_accounts.json"
    _write(named, {ORDERS: _hash(SECRET)})
    monkeypatch.setattr(settings, "PILLION", settings.PILLION.model_copy(update={"service_accounts": named}))
    yield named
    OAuthClient.objects.filter(client_id__startswith="spiffe").delete()


def _ask(client_id: str = ORDERS, secret: str = SECRET, **fields: str) -> Answer:
    """Ask as Envoy does: everything in the body."""
    wanted = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret, **fields}
    return Program(client_id, secret).post("/oauth2/token", wanted, authorization="")


def test_a_service_gets_a_token_of_the_mesh_in_its_own_name() -> None:
    answer = _ask()
    assert answer.status == 200, answer.body
    said = claims(answer.json()["access_token"])
    assert (said["sub"], said["client_id"], said["aud"]) == (ORDERS, ORDERS, MESH)
    assert (said["roles"], said["scope"]) == ([], "")
    assert not {"email", "auth_time", "amr"} & set(said)
    assert claims(_ask().json()["access_token"])["sid"] == said["sid"]


@pytest.mark.parametrize(
    ("client_id", "secret"),
    [
        (ORDERS, "another"),
        (ORDERS, ""),
        (ORDERS, _hash(SECRET)),
        ("spiffe://shop/service/gone", SECRET),
        ("spiffe://other/service/orders", SECRET),
        ("spiffe://shop/service/orders/", SECRET),
        ("spiffe://shop/service/orders\0", SECRET),
        ("spiffe://" + "x" * 300, SECRET),
        ("SPIFFE://shop/service/orders", SECRET),
    ],
)
def test_nobody_else_does(client_id: str, secret: str) -> None:
    answer = _ask(client_id, secret)
    assert answer.status in {400, 401}
    assert not OAuthClient.objects.filter(client_id__istartswith="spiffe").exclude(client_id=ORDERS).exists()


def test_nothing_but_its_own_token_is_granted() -> None:
    for fields in (
        {"grant_type": "authorization_code", "code": "x"},
        {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange"},
        {"scope": "roles"},
        {"resource": "https://elsewhere.example"},
    ):
        assert _ask(**fields).status == 400


def test_a_service_that_leaves_the_mesh_and_a_secret_that_is_replaced_are_good_no_more(file: Path) -> None:
    assert _ask().status == 200
    _write(file, {"spiffe://shop/service/another": _hash(SECRET)})
    assert _ask().status == 400
    _write(file, {ORDERS: _hash("a newer one")})
    assert _ask().status == 400
    assert _ask(secret="a newer one").status == 200


@pytest.mark.parametrize("text", ["", "[]", "{", '{"spiffe://shop/service/orders": null}', "null"])
def test_nobody_is_known_while_the_file_cannot_be_read(file: Path, text: str) -> None:
    _write(file, text)
    assert _ask().status == 400
    file.unlink()
    assert _ask().status == 400


def test_an_operator_sees_it_and_cannot_take_it_away() -> None:
    _ask()
    assert ORDERS in {client.client_id for client in client_care.list_clients()}
    with pytest.raises(AccountError, match=r"pillion\.yaml"):
        client_care.delete(ORDERS)
    with pytest.raises(AccountError, match=r"pillion\.yaml"):
        client_care.new_secret(ORDERS)


def test_an_operator_removes_what_is_left_of_a_service_that_has_gone(file: Path) -> None:
    _ask()
    _write(file, {})
    assert client_care.delete(ORDERS) >= 1
    assert ORDERS not in {client.client_id for client in client_care.list_clients()}
