"""A client that is changed: what it may not ask for any more is in none of its next tokens."""

from typing import Any

import pytest

from tests.identity.browser import signed_in  # isort: skip - sets Django up

from pillion.identity.models import OAuthGrant
from pillion.identity.oauth import client_care
from tests.identity.program import CALLBACK, Program, claims, machine, program
from tests.identity.test_oauth_code import refused
from tests.identity.test_oauth_device import begin, decide, poll, television

API = "https://api.example"
OTHER = "https://grafana.example/other"


def test_a_scope_that_is_taken_away_is_in_no_further_token_of_a_living_grant() -> None:
    grafana = program(scopes=("openid", "email", "reports"))
    first = grafana.tokens(signed_in(), scope="openid email reports")
    client_care.change(grafana.client_id, scopes=("reports",))
    second = grafana.refresh(first["refresh_token"]).json()
    said = claims(second["access_token"])
    assert (said["scope"], said.get("email"), second["scope"]) == ("reports", None, "reports")
    assert "id_token" not in second
    assert grafana.introspect(second["refresh_token"])["scope"] == "reports"
    refused(grafana.refresh(second["refresh_token"], scope="openid"), "invalid_scope")


def test_an_audience_that_is_taken_away_is_in_no_further_token_of_a_living_grant() -> None:
    grafana = program(audiences=("shop", API))
    first = grafana.tokens(signed_in())
    client_care.change(grafana.client_id, audiences=("shop",))
    refused(grafana.refresh(first["refresh_token"], resource=API), "invalid_target")
    assert claims(grafana.refresh(first["refresh_token"]).json()["access_token"])["aud"] == "shop"


@pytest.mark.parametrize(
    ("was", "changed"),
    [
        ({"scopes": ("reports",)}, {"scopes": ("openid",)}),
        ({"audiences": ("shop",)}, {"audiences": (API,)}),
        ({"scopes": ("openid", "offline_access")}, {"scopes": ("openid",)}),
    ],
    ids=["scope", "audience", "lasting"],
)
def test_where_nothing_is_left_there_is_no_token(was: dict[str, Any], changed: dict[str, Any]) -> None:
    """One without a scope would be held back by none; one that lasts was allowed to while the client might."""
    grafana = program(**was)
    first = grafana.tokens(signed_in(), scope=" ".join(was.get("scopes", ("openid",))))
    client_care.change(grafana.client_id, **changed)
    refused(grafana.refresh(first["refresh_token"]), "invalid_grant")
    assert not grafana.is_active(first["refresh_token"])


def test_a_code_is_worth_what_its_client_may_have_when_it_is_used() -> None:
    grafana = program(scopes=("openid", "email"))
    code = grafana.code(signed_in())
    client_care.change(grafana.client_id, scopes=("email",))
    found = grafana.redeem(code).json()
    assert (found["scope"], "id_token" in found) == ("email", False)


def test_a_code_that_was_sent_where_none_may_go_any_more_is_worth_nothing() -> None:
    grafana = program(redirect_uris=(CALLBACK, OTHER))
    code = grafana.code(signed_in())
    client_care.change(grafana.client_id, redirect_uris=(OTHER,))
    refused(grafana.redeem(code), "invalid_grant")
    assert grafana.authorize(signed_in()).status == 400


def test_a_device_gets_what_its_client_may_have_when_it_asks() -> None:
    device = television()
    begun = begin(device)
    decide(signed_in(), begun["user_code"], "allow")
    client_care.change(device.client_id, scopes=("email",))
    assert poll(device, begun).json()["scope"] == "email"


def test_a_grant_type_that_is_taken_away_is_used_no_more() -> None:
    grafana = program()
    first = grafana.tokens(signed_in())
    client_care.change(grafana.client_id, grants=("authorization_code",))
    refused(grafana.refresh(first["refresh_token"]), "unauthorized_client")


def test_a_client_that_acts_for_itself_has_its_new_roles_and_scopes_in_the_next_token() -> None:
    report = machine(scopes=("read", "write"), roles=("reporter", "clerk"))
    report.token(grant_type="client_credentials")
    client_care.change(report.client_id, scopes=("read",), roles=("clerk",))
    said = claims(report.token(grant_type="client_credentials").json()["access_token"])
    assert (said["scope"], said["roles"]) == ("read", ["clerk"])


def told_at(grafana: Program) -> list[bool]:
    """Say of each grant, the oldest first, whether its client waits to be told of its end."""
    mine = OAuthGrant.objects.filter(client=grafana.client_id).order_by("session__created_at")
    return [grant.tell_at is not None for grant in mine]


def test_a_back_channel_that_is_named_later_is_told_of_what_is_alive() -> None:
    grafana = program()
    left, stays = signed_in(), signed_in()
    grafana.tokens(left)
    grafana.tokens(stays)
    assert left.ask("GET", "/oauth2/logout", accept="text/html").status == 200
    OAuthGrant.objects.filter(client=grafana.client_id).earliest("session__created_at").session.delete()
    grafana.tokens(stays)
    client_care.change(grafana.client_id, backchannel_logout_uri="https://grafana.example/ended")
    assert told_at(grafana) == [True, True]
    client_care.change(grafana.client_id, backchannel_logout_uri="")
    assert told_at(grafana) == [False, False]
