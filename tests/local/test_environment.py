"""A service gets the user's environment, its proxy, and none of Pillion's secrets."""

import os
import sys
from pathlib import Path

import pytest

from pillion.local import environment
from pillion.plan import Address, Sidecar, UnixSocket


def sidecar(app: Address | UnixSocket) -> Sidecar:
    return Sidecar(
        service="orders",
        spiffe_id="spiffe://shop/service/orders",
        inbound=Address(host="127.0.0.1", port=15001),
        reached=Address(host="127.0.0.1", port=15001),
        egress=Address(host="127.0.0.1", port=15002),
        app=app,
        rules=(),
        peers=(),
        callers=(),
    )


TCP = sidecar(Address(host="127.0.0.1", port=7001))


def test_a_service_finds_its_port_its_name_and_its_proxy() -> None:
    found = environment.of_service({"HOME": "/home/me", "PATH": "/bin"}, frozenset(), TCP)
    assert found["HOME"] == "/home/me"
    assert found["PORT"] == "7001"
    assert found["PILLION_SERVICE"] == "orders"
    assert found["HTTP_PROXY"] == found["http_proxy"] == "http://127.0.0.1:15002"
    assert found["PYTHONUNBUFFERED"] == "1"
    assert found["PATH"].split(os.pathsep) == [str(Path(sys.executable).parent), "/bin"]


def test_a_service_on_a_socket_finds_no_port_of_the_users_own() -> None:
    found = environment.of_service({"PORT": "1"}, frozenset(), sidecar(UnixSocket(path="/run/orders.sock")))
    assert "PORT" not in found


def test_no_secret_of_pillions_reaches_who_does_not_need_it(tmp_path: Path) -> None:
    user = {
        "PILLION_MASTER_KEY": "secret",
        "PILLION_IDENTITY_CONFIG": "x",
        "DB_PASSWORD": "secret",
        "MINE": "y",
    }
    found = environment.of_service(user, frozenset({"DB_PASSWORD"}), TCP)
    assert "secret" not in found.values()
    assert "PILLION_IDENTITY_CONFIG" not in found
    assert found["MINE"] == "y"
    for found in (environment.of_envoy(user, "its own", None), environment.of_control(user, tmp_path)):
        assert "secret" not in found.values()
        assert "MINE" not in found


def test_the_variable_of_the_users_services_secret_is_secret_too(tmp_path: Path) -> None:
    file = tmp_path / "pillion.yaml"
    file.write_text(
        "mesh: shop\n"
        "identity:\n"
        "  users: {url: '${USERS_URL}', secret: '${USERS_SECRET}'}\n"
        "services: {a: {app: 127.0.0.1:7001}}\n"
    )
    assert environment.secret_variables(file) == {"USERS_SECRET"}


def test_the_variables_of_database_and_mail_are_secret_and_others_are_not(tmp_path: Path) -> None:
    file = tmp_path / "pillion.yaml"
    file.write_text(
        "mesh: shop\nidentity:\n  database: postgresql://${DB_USER}:${DB_PASSWORD}@db/x\n"
        "  mail: {from: '${SENDER}', smtp: 'smtp://u:${SMTP_PASSWORD}@h.example'}\n"
        "services: {orders: {app: '127.0.0.1:${ORDERS_PORT}'}}\n",
        encoding="utf-8",
    )
    assert environment.secret_variables(file) == {"DB_USER", "DB_PASSWORD", "SMTP_PASSWORD"}


def test_the_variables_of_providers_secrets_are_secret(tmp_path: Path) -> None:
    file = tmp_path / "pillion.yaml"
    file.write_text(
        "mesh: shop\nidentity:\n  providers:\n"
        "    google: {client_id: '${ID}', client_secret: '${GOOGLE_SECRET}'}\n"
        "    okta: {issuer: 'https://${HOST}/', client_id: shop, client_secret: 'x${OKTA_SECRET}'}\n"
        "services: {orders: {app: 127.0.0.1:7001}}\n",
        encoding="utf-8",
    )
    assert environment.secret_variables(file) == {"GOOGLE_SECRET", "OKTA_SECRET"}


@pytest.mark.parametrize(
    ("users", "kept"),
    [
        ("", []),
        ("*", []),
        ("inventory,.inventory,..inventory,.corp.example,10.0.0.0/8", [".corp.example", "10.0.0.0/8"]),
        ("localhost, 127.0.0.1", []),
    ],
)
def test_no_exception_from_the_proxy_leads_past_the_sidecar(users: str, kept: list[str]) -> None:
    found = environment.of_service({"NO_PROXY": users}, frozenset(), TCP)
    assert found["NO_PROXY"] == found["no_proxy"] == ",".join(["localhost", "127.0.0.1", "::1", *kept])
