"""The pages of sessions, API keys, clients and signing keys in the admin: found, and given each order."""

import re
from urllib.parse import urlencode

import pytest

from tests.identity.browser import Answer, Browser, new_user, signed_in  # isort: skip - sets Django up
from django.utils import timezone

from pillion.identity import acknowledged, api_keys
from pillion.identity.accounts import AccountError
from pillion.identity.acknowledged import Laggard, Spread
from pillion.identity.models import Change, OAuthClient, Revocation, SigningKey
from pillion.identity.oauth import client_care
from tests.identity.forms import Form
from tests.identity.operators import AUDITOR, OPERATOR, list_of, with_role
from tests.identity.program import CALLBACK, program


def test_sessions_and_api_keys_are_found_and_revoked() -> None:
    operator, person, email = with_role(OPERATOR), Browser(), new_user()
    person.sign_in(email)
    sid = person.claims()["sid"]
    for term in (email, sid, person.claims()["sub"]):
        assert sid in operator.visit(f"{list_of('session')}?{urlencode({'q': term})}").body.decode()
    assert operator.order("session", "revoke", sid, confirmed="yes").status == 302
    assert person.me().status == 401
    assert Revocation.objects.filter(sid=sid).exists()
    assert sid not in operator.visit(f"{list_of('session')}?q={email}").body.decode()
    assert "revoked" in operator.visit(f"{list_of('session')}?q={email}&which=all").body.decode()
    key = api_keys.make(email, "a backup of theirs")
    assert "a backup of theirs" in operator.visit(f"{list_of('apikey')}?q={key.secret}").body.decode()
    assert operator.order("apikey", "revoke", key.id, confirmed="yes").status == 302
    assert not api_keys.list_keys(email)


def test_who_revokes_several_sessions_keeps_their_own_and_reads_what_was_done() -> None:
    operator, person = with_role(OPERATOR), signed_in()
    operator.order("session", "revoke", operator.claims()["sid"], person.claims()["sid"], confirmed="yes")
    said = operator.said()
    assert "Revoked: 1." in said
    assert "sign out instead" in said
    assert person.me().status == 401


def test_a_client_is_registered_its_secret_is_shown_once_and_it_is_removed() -> None:
    operator = with_role(OPERATOR)
    page = f"{list_of('oauthclient')}add/"
    fields = [
        ("name", "grafana of a test"),
        ("redirect_uris", CALLBACK),
        ("csrfmiddlewaretoken", operator.proof(page)),
    ]
    shown = operator.post(page, fields).body.decode()
    client = OAuthClient.objects.get(name="grafana of a test")
    assert client.client_id in shown
    found = re.findall(r"<code>([\w-]{43})</code>", shown)
    assert client.check_client_secret(found[0])
    assert operator.order("oauthclient", "new_secret", client.pk).body.decode().count("no more") == 1
    another = operator.order("oauthclient", "new_secret", client.pk, confirmed="yes").body.decode()
    client.refresh_from_db()
    assert client.check_client_secret(re.findall(r"<code>([\w-]{43})</code>", another)[0])
    assert not client.check_client_secret(found[0])
    operator.order("oauthclient", "remove", client.pk, confirmed="yes")
    assert not OAuthClient.objects.filter(pk=client.pk).exists()
    bad = operator.post(page, [("name", "x"), ("redirect_uris", "javascript:1"), fields[2]]).body.decode()
    assert "--redirect-uri" in bad
    assert not OAuthClient.objects.filter(name="x").exists()


def test_a_client_is_changed_and_what_somebody_else_has_changed_meanwhile_stays() -> None:
    operator, grafana = with_role(OPERATOR), program(scopes=("openid", "email", "reports"))
    page = f"{list_of('oauthclient')}{grafana.client_id}/change/"
    fields = Form.of(operator.visit(page)).fields
    client_care.change(grafana.client_id, name="Graphs", redirect_uris=("https://graphs.example/back",))

    def sent(**changed: str) -> Answer:
        kept = [(name, value) for name, value in fields if name not in changed]
        return operator.post(page, [*kept, *changed.items()])

    assert sent(scopes="openid").status == 302
    assert "Graphs is as you see it below" in operator.said(page)
    after = client_care.find(grafana.client_id)
    assert (after.name, after.redirect_uris, after.scopes, after.first_party) == (
        "Graphs",
        ("https://graphs.example/back",),
        ("openid",),
        True,
    )
    line = Change.objects.filter(what="client.changed", whom=grafana.client_id)[0]
    assert (str(line.actor_sub), set(line.details["after"])) == (operator.claims()["sub"], {"scopes"})
    refused = sent(redirect_uris="javascript:1")
    assert "--redirect-uri" in refused.body.decode()
    assert "javascript:1" in refused.body.decode()
    assert client_care.find(grafana.client_id) == after


def test_an_auditor_sees_a_client_and_nobody_types_over_a_service_of_the_mesh() -> None:
    grafana = program(backchannel_logout_uri="https://grafana.example/ended")
    page = f"{list_of('oauthclient')}{grafana.client_id}/change/"
    auditor = with_role(AUDITOR)
    shown = auditor.visit(page).body.decode()
    assert "https://grafana.example/ended" in shown
    assert 'name="_save"' not in shown
    assert auditor.post(page, [("csrfmiddlewaretoken", auditor.proof(page)), ("name", "x")]).status == 403
    now = timezone.now()
    OAuthClient.objects.create(client_id="spiffe://shop/service/orders", name="orders", created_at=now)
    page = f"{list_of('oauthclient')}spiffe_3A_2F_2Fshop_2Fservice_2Forders/change/"
    operator = with_role(OPERATOR)
    shown = operator.visit(page).body.decode()
    assert "orders" in shown
    assert 'name="_save"' not in shown
    proof = operator.proof(list_of("oauthclient"))
    assert operator.post(page, [("csrfmiddlewaretoken", proof), ("name", "x")]).status == 403
    with pytest.raises(AccountError, match="service of the mesh"):
        client_care.change("spiffe://shop/service/orders", name="x")
    OAuthClient.objects.filter(client_id__startswith="spiffe").delete()


def test_the_key_that_signs_is_rotated_unless_an_envoy_lags(
    as_before: None,  # noqa: ARG001 - the keys are the others', too
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The edge would give up before the thirty seconds that the command waits."""
    operator = with_role(OPERATOR)
    kid = SigningKey.objects.get(state="signing").kid
    lagging = Spread(2, 1, 0, (Laggard("orders", "sidecar", "has not acknowledged"),), 0.0, 1, 0)
    with monkeypatch.context() as patched:
        waited: list[float] = []

        def wait(_: object, patience: float) -> Spread:
            waited.append(patience)
            return lagging

        patched.setattr(acknowledged, "wait", wait)
        operator.order("signingkey", "rotate", kid, confirmed="yes")
        assert waited == [5.0]
    assert "not every Envoy has acknowledged the new key (orders)" in operator.said()
    assert SigningKey.objects.get(state="signing").kid == kid
    operator.order("signingkey", "rotate", kid, confirmed="yes")
    assert SigningKey.objects.get(kid=kid).state == "retired"


def test_a_key_is_revoked_and_another_signs(as_before: None) -> None:  # noqa: ARG001 - the keys are the others', too
    operator = with_role(OPERATOR)
    kid = SigningKey.objects.get(state="signing").kid
    assert "Every Envoy refuses" in operator.order("signingkey", "revoke", kid).body.decode()
    operator.order("signingkey", "revoke", kid, confirmed="yes")
    assert SigningKey.objects.get(kid=kid).state == "gone"
    assert SigningKey.objects.filter(state="signing").exclude(kid=kid).count() == 1
    assert "BEGIN" not in operator.said(f"{list_of('signingkey')}{kid}/change/")
