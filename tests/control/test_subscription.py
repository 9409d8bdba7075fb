"""The delta protocol, rule by rule, as Envoy's xDS specification has it ("Incremental xDS")."""

from collections.abc import Mapping

from envoy_data_plane.envoy.service.discovery.v3 import DeltaDiscoveryRequest
from envoy_data_plane.google.rpc import Status

from pillion.control.resources import Resource, nonce
from pillion.control.subscription import Refusal, Subscription


def versions(**of: str) -> dict[str, Resource]:
    """Give resources by name, of these versions."""
    return {name: Resource(name, version, f"{name} {version}".encode()) for name, version in of.items()}


def subscribe(*names: str, had: Mapping[str, str] | None = None) -> DeltaDiscoveryRequest:
    """Ask for resources; `had` is what a reconnecting Envoy holds."""
    return DeltaDiscoveryRequest(
        resource_names_subscribe=list(names), initial_resource_versions=dict(had or {})
    )


def answer(name: str, version: str, error: str = "") -> DeltaDiscoveryRequest:
    """Acknowledge what was sent, or refuse it."""
    return DeltaDiscoveryRequest(
        response_nonce=nonce(name, version), error_detail=Status(message=error) if error else None
    )


def sent(subscription: Subscription, resources: Mapping[str, Resource]) -> list[str]:
    """Name what is sent now."""
    return [f"{resource.name} {resource.version}" for resource in subscription.due(resources)]


def test_nothing_is_sent_that_nobody_asked_for() -> None:
    one = Subscription()
    assert sent(one, versions(keys="1")) == []
    one.receive(subscribe("keys", "unknown"))
    assert sent(one, versions(keys="1", revoked="1")) == ["keys 1"]


def test_what_was_sent_is_not_sent_again() -> None:
    """Neither while it is under way, nor when it has been acknowledged."""
    one = Subscription()
    one.receive(subscribe("keys"))
    assert sent(one, versions(keys="1")) == ["keys 1"]
    assert sent(one, versions(keys="1")) == []
    assert one.receive(answer("keys", "1")) is None
    assert one.held == {"keys": "1"}
    assert sent(one, versions(keys="1")) == []


def test_what_changes_while_another_is_under_way_waits_and_comes_in_its_latest_form() -> None:
    one = Subscription()
    one.receive(subscribe("keys"))
    assert sent(one, versions(keys="1")) == ["keys 1"]
    assert sent(one, versions(keys="2")) == []
    assert sent(one, versions(keys="3")) == []
    one.receive(answer("keys", "1"))
    assert sent(one, versions(keys="3")) == ["keys 3"]


def test_one_resource_does_not_wait_for_another() -> None:
    one = Subscription()
    one.receive(subscribe("keys", "revoked"))
    assert sent(one, versions(keys="1", revoked="1")) == ["keys 1", "revoked 1"]
    one.receive(answer("revoked", "1"))
    assert sent(one, versions(keys="2", revoked="2")) == ["revoked 2"]


def test_a_refused_version_is_remembered_with_envoys_words_and_not_sent_again() -> None:
    """What was held before stays held; the next version is tried."""
    one = Subscription()
    one.receive(subscribe("keys"))
    sent(one, versions(keys="1"))
    one.receive(answer("keys", "1"))
    sent(one, versions(keys="2"))
    assert one.receive(answer("keys", "2", error="no such field")) == Refusal("2", "no such field")
    assert one.held == {"keys": "1"}
    assert one.refused == {"keys": Refusal("2", "no such field")}
    assert sent(one, versions(keys="2")) == []
    assert sent(one, versions(keys="3")) == ["keys 3"]
    one.receive(answer("keys", "3"))
    assert one.refused == {}


def test_after_a_refusal_the_version_that_is_held_is_not_sent_again() -> None:
    """A change that was taken back needs no push."""
    one = Subscription()
    one.receive(subscribe("keys", had={"keys": "1"}))
    sent(one, versions(keys="2"))
    one.receive(answer("keys", "2", error="no"))
    assert sent(one, versions(keys="1")) == []
    assert one.refused == {}


def test_an_envoy_that_comes_back_is_sent_only_what_it_lacks() -> None:
    one = Subscription()
    one.receive(subscribe("keys", "revoked", had={"keys": "1", "revoked": "1"}))
    assert sent(one, versions(keys="1", revoked="2")) == ["revoked 2"]


def test_who_asks_again_is_told_again() -> None:
    """Envoy does so when it has thrown away what it had."""
    one = Subscription()
    one.receive(subscribe("keys"))
    sent(one, versions(keys="1"))
    one.receive(answer("keys", "1"))
    one.receive(subscribe("keys"))
    assert sent(one, versions(keys="1")) == ["keys 1"]


def test_who_does_not_ask_any_more_is_told_no_more() -> None:
    one = Subscription()
    one.receive(subscribe("keys"))
    sent(one, versions(keys="1"))
    one.receive(answer("keys", "1"))
    one.receive(DeltaDiscoveryRequest(resource_names_unsubscribe=["keys"]))
    assert one.held == {}
    assert sent(one, versions(keys="2")) == []


def test_an_answer_to_nothing_changes_nothing() -> None:
    """A nonce of another stream's, an old one, or somebody's own."""
    one = Subscription()
    one.receive(subscribe("keys"))
    sent(one, versions(keys="2"))
    for strange in (answer("keys", "1"), answer("others", "2"), DeltaDiscoveryRequest(response_nonce="x")):
        assert one.receive(strange) is None
    assert one.held == {}
    assert one.under_way == {"keys": "2"}


def test_a_subscription_can_come_with_an_acknowledgement() -> None:
    """Envoy may put both into one request."""
    one = Subscription()
    one.receive(subscribe("keys"))
    sent(one, versions(keys="1"))
    both = answer("keys", "1")
    both.resource_names_subscribe.append("revoked")
    one.receive(both)
    assert one.held == {"keys": "1"}
    assert sent(one, versions(keys="1", revoked="1")) == ["revoked 1"]
