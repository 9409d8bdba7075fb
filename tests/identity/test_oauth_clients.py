"""Registering clients: what cannot be is refused, in a sentence that says why."""

from dataclasses import replace
from typing import Any

import pytest

from tests.identity.program import CALLBACK, program  # isort: skip - sets Django up

from pillion.identity import session_care
from pillion.identity.accounts import AccountError, InvalidAccountError
from pillion.identity.models import Change, OAuthClient
from pillion.identity.oauth import client_care
from pillion.identity.oauth.client_metadata import Wanted


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x1b[2J"}, "name"),
        ({"redirect_uris": ("http://grafana.example/cb",)}, "must be https"),
        ({"redirect_uris": ("https://grafana.example/cb#x",)}, "fragment"),
        ({"redirect_uris": ("https://me@grafana.example/cb",)}, "user name"),
        ({"redirect_uris": ("https:///cb",)}, "no host"),
        ({"redirect_uris": ("https://x:99999/cb",)}, "no URI"),
        ({"redirect_uris": ("javascript:alert(1)",)}, "own scheme"),
        ({"redirect_uris": ("data:text/html,x",)}, "own scheme"),
        ({"redirect_uris": ("/cb",)}, "own scheme"),
        ({"redirect_uris": ("https://x.example/ü",)}, "no URI"),
        ({"redirect_uris": (CALLBACK,), "post_logout_redirect_uris": ("http://x.example",)}, "must be https"),
        ({"redirect_uris": (CALLBACK,), "backchannel_logout_uri": "com.example:/x"}, "http or https"),
        ({"redirect_uris": (CALLBACK,), "backchannel_logout_uri": "http://x.example"}, "must be https"),
        ({"grants": ("authorization_code",)}, "--redirect-uri"),
        ({"grants": ("client_credentials",), "redirect_uris": (CALLBACK,)}, "--redirect-uri"),
        ({"grants": ("password",)}, "no grant"),
        ({"public": True}, "public"),
        ({"public": True, "grants": ("token_exchange",)}, "public"),
        ({"redirect_uris": (CALLBACK,), "roles": ("manager",)}, "--role"),
        ({"roles": ("Not A Role",)}, "no role"),
        ({"scopes": ("a b",)}, "no scope"),
        ({"scopes": ("",)}, "no scope"),
        ({"audiences": ("a b",)}, "no audience"),
    ],
)
def test_what_cannot_be_is_said(wanted: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidAccountError, match=said):
        client_care.add(Wanted(**{"name": "A program", **wanted}))


def test_what_is_usual_need_not_be_said() -> None:
    client, secret = client_care.add(Wanted("A program", redirect_uris=(CALLBACK,)))
    assert secret is not None
    assert (client.grants, client.scopes, client.audiences) == (
        ("authorization_code", "refresh_token"),
        ("openid", "email"),
        ("shop",),
    )
    machine, _ = client_care.add(Wanted("A machine"))
    assert machine.grants == ("client_credentials",)
    _, none = client_care.add(Wanted("An app", public=True, redirect_uris=("com.example.app:/signed-in",)))
    assert none is None


def test_what_is_not_named_stays_as_it_is_when_a_client_is_changed() -> None:
    made = program(scopes=("openid", "reports"), post_logout_redirect_uris=("https://grafana.example/bye",))
    before = client_care.find(made.client_id)
    after = client_care.change(made.client_id, name=" Graphs ", first_party=False)
    assert after == replace(before, name="Graphs", first_party=False) == client_care.find(made.client_id)
    line = Change.objects.get(what="client.changed", whom=made.client_id)
    assert line.details == {
        "before": {"name": "Grafana", "first_party": True},
        "after": {"name": "Graphs", "first_party": False},
    }
    client_care.change(made.client_id, name="Graphs", scopes=("openid", "reports"))  # as it is
    client_care.change(made.client_id, post_logout_redirect_uris=())
    assert client_care.find(made.client_id).post_logout_redirect_uris == ()
    assert Change.objects.filter(what="client.changed", whom=made.client_id).count() == 2


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "a\x1b[2J"}, "name"),
        ({"redirect_uris": ()}, "--redirect-uri"),
        ({"redirect_uris": ("javascript:alert(1)",)}, "own scheme"),
        ({"grants": ("client_credentials",)}, "--redirect-uri"),
        ({"grants": ("authorization_code", "token_exchange")}, "public"),
        ({"roles": ("manager",)}, "--role"),
        ({"scopes": ("a b",)}, "no scope"),
        ({"public": False, "grants": ("authorization_code", "client_credentials")}, "public"),
    ],
)
def test_what_cannot_be_is_said_of_a_change_too_and_nothing_is_changed(
    changed: dict[str, Any], said: str
) -> None:
    app = program(public=True)
    before = client_care.find(app.client_id)
    with pytest.raises(InvalidAccountError, match=said):
        client_care.change(app.client_id, **changed)
    assert client_care.find(app.client_id) == before
    assert not Change.objects.filter(what="client.changed", whom=app.client_id).exists()


def test_a_secret_is_shown_once_and_kept_hashed() -> None:
    made = program()
    kept = OAuthClient.objects.filter(client_id=made.client_id).values().get()
    assert made.secret
    assert made.secret not in str(kept)
    assert len(kept["secret_hash"]) == 64
    assert made.secret not in str(client_care.find(made.client_id).document())


def test_who_is_not_there_is_said() -> None:
    for done in (client_care.find, client_care.delete, client_care.new_secret, client_care.change):
        with pytest.raises(AccountError, match="no client 'nobody'"):
            done("nobody")
    with pytest.raises(AccountError, match="public"):
        client_care.new_secret(program(public=True).client_id)
    assert all(session.client_id != "nobody" for session in session_care.list_sessions())
