"""In pods the Envoy beside identity says who sends a request: who may ask for what, and not for another."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.identity.browser import PASSWORD, Answer, Browser, new_user  # isort: skip - sets Django up
import click
from django.conf import settings

from pillion.cli import spread
from pillion.identity.acknowledged import Spread
from pillion.identity.models import OAuthClient
from pillion.vocabulary import edge_spiffe_id, own_spiffe_id, spiffe_id
from tests.identity.program import MESH, Program, claims, machine

EDGE = edge_spiffe_id(MESH)
ORDERS = spiffe_id(MESH, "orders")
WEB = spiffe_id(MESH, "web")

# Whoever sends it, it is not whom the header should name: nobody, two at once, and those who are like them.
STRANGERS = [
    None,
    "",
    "-",
    "none",
    edge_spiffe_id("other"),
    own_spiffe_id(MESH, "control"),
    own_spiffe_id(MESH, "identity"),
    spiffe_id(MESH, "edge"),
    f"{EDGE}/",
    EDGE.upper(),
    f" {EDGE}",
    f"{EDGE},{ORDERS}",
    f"{ORDERS},{EDGE}",
    f"{EDGE},{EDGE}",
]


@pytest.fixture(autouse=True)
def in_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Have workloads prove who they are by certificates; of the mesh's services, two may call others."""
    named = tmp_path / "service_accounts.json"
    named.write_text(json.dumps({ORDERS: None, WEB: None}), encoding="utf-8")
    changes = {"service_accounts": named, "workloads": "certificate"}
    monkeypatch.setattr(settings, "PILLION", settings.PILLION.model_copy(update=changes))
    yield named
    OAuthClient.objects.filter(client_id__startswith="spiffe").delete()


def _sent_by(sender: str | None) -> dict[str, str]:
    return {} if sender is None else {"x_pillion_workload": sender}


def _ask(client_id: str, sender: str | None, secret: str = "none") -> Answer:
    """Ask for a service's own token, as Envoy does where it has no secret."""
    wanted = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    return Program(client_id, secret).post("/oauth2/token", wanted, authorization="", **_sent_by(sender))


@pytest.mark.parametrize("secret", ["none", "whatever else"])
def test_a_service_gets_its_own_token_by_its_certificate_alone(secret: str) -> None:
    answer = _ask(ORDERS, ORDERS, secret)
    assert answer.status == 200, answer.body
    said = claims(answer.json()["access_token"])
    assert (said["sub"], said["client_id"], said["aud"]) == (ORDERS, ORDERS, MESH)


@pytest.mark.parametrize("sender", [*STRANGERS, EDGE, WEB, f"{ORDERS}/", ORDERS.upper()])
def test_nobody_gets_the_token_of_another(sender: str | None) -> None:
    """The edge neither, which brings what anybody outside sends; in the same words as for a wrong secret."""
    assert _ask(ORDERS, ORDERS).status == 200  # so that there is a row, and a session
    answer = _ask(ORDERS, sender)
    assert (answer.status, answer.json()["error"]) == (400, "invalid_client")


@pytest.mark.parametrize("secret", ["certificate", ""])
def test_what_stands_in_the_place_of_a_secret_is_none(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _ask(ORDERS, ORDERS).status == 200
    assert _ask(ORDERS, EDGE, secret).status == 400
    monkeypatch.setattr(settings, "PILLION", settings.PILLION.model_copy(update={"workloads": "secret"}))
    assert _ask(ORDERS, ORDERS, secret).status == 400


@pytest.mark.parametrize("text", [f'{{"{ORDERS}": "{"0" * 64}"}}', f'{{"{WEB}": null}}', "null", "{"])
def test_who_is_not_named_without_a_secret_gets_none(in_a_pod: Path, text: str) -> None:
    in_a_pod.write_text(text, encoding="utf-8")
    assert _ask(ORDERS, ORDERS).status == 400


@pytest.mark.parametrize("sender", [*STRANGERS, ORDERS])
def test_a_client_with_a_secret_comes_by_the_edge_alone(sender: str | None) -> None:
    """A service that has found out a secret reaches no further than anybody else: the edge limits and logs."""
    program = machine(name="Nightly report")
    wanted = {"grant_type": "client_credentials"}
    assert program.post("/oauth2/token", wanted, x_pillion_workload=EDGE).status == 200
    assert program.post("/oauth2/token", wanted, **_sent_by(sender)).status == 401


@pytest.mark.parametrize("sender", [*STRANGERS, ORDERS])
def test_only_the_edge_renews_exchanges_and_shows_pages(sender: str | None) -> None:
    browser = Browser()
    there = {"x_pillion_workload": EDGE}
    browser.post_json("/sign-in", {"email": new_user(), "password": PASSWORD}, **there)
    session = browser.cookies["pillion-session"]
    asked: tuple[tuple[str, str, dict[str, str]], ...] = (
        ("GET", "/-/renewal/api/orders", {"x_pillion_session": session}),
        ("GET", "/-/renewal", {"x_pillion_session": session}),
        ("GET", "/-/renewal/x", {"x_pillion_api_key": "plk_x"}),
        ("GET", "/sign-in", {}),
        ("GET", "/pillion/admin/", {}),
        ("POST", "/oauth2/introspect", {}),
        ("POST", "/oauth2/token/", {}),
        ("GET", "/pillion/static/pillion.css", {}),
        ("GET", "/.well-known/jwks.json", {}),
    )
    for method, path, headers in asked:
        answer = browser.ask(method, path, b"", **headers, **_sent_by(sender))
        assert (answer.status, answer.code) == (403, "caller-not-allowed"), path
        assert not answer["authorization"]
        assert browser.ask(method, path, b"", **headers, **there).status != 403, path
    answer = browser.ask("GET", "/-/renewal/", b"", x_pillion_session=session, **there)
    assert answer["authorization"].startswith("Bearer ")


def test_the_envoy_asks_how_identity_is_without_saying_who_it_is() -> None:
    assert Browser().ask("GET", "/-/health").status == 200
    assert Browser().ask("GET", "/-/metrics").status == 200


@pytest.mark.parametrize("sender", [None, "", ORDERS, EDGE])
def test_on_one_machine_nobody_reads_the_header(monkeypatch: pytest.MonkeyPatch, sender: str | None) -> None:
    monkeypatch.setattr(settings, "PILLION", settings.PILLION.model_copy(update={"workloads": "secret"}))
    assert _ask(ORDERS, sender).status == 400
    assert Browser().ask("GET", "/sign-in", b"", **_sent_by(sender)).status == 200


@pytest.mark.parametrize(
    ("workloads", "where"), [("certificate", "by all that are connected"), ("secret", "everywhere")]
)
def test_of_pods_nobody_says_that_there_are_no_others(
    workloads: str, where: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An Envoy that has lost its stream, and whose service has another pod, is missed by nobody."""
    monkeypatch.setattr(settings, "PILLION", settings.PILLION.model_copy(update={"workloads": workloads}))
    spread.tell(_spread(controls=1), "refused")
    assert capsys.readouterr().out == f"refused {where} in 84 ms (5 of 5)\n"


@pytest.mark.parametrize(
    ("controls", "said"),
    [
        (0, "control is not heard of: no Envoy can be told until it is back; 'kubectl get pods'"),
        (
            1,
            "a control is not heard of, and Envoys that it had have not come to another one; 'kubectl get pods'",
        ),
    ],
)
def test_a_control_that_is_missed_is_told_of(
    controls: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with click.Context(click.Command("revoke")), pytest.raises(click.exceptions.Exit) as stop:
        spread.tell(_spread(controls=controls, silent=1), "refused")
    assert stop.value.exit_code == 1
    assert capsys.readouterr().err.startswith(said)


def _spread(controls: int, silent: int = 0) -> Spread:
    return Spread(
        connected=5, acknowledged=5, returning=0, missing=(), seconds=0.084, controls=controls, silent=silent
    )
