"""Whom the API server asks about what: selectors, rules and conditions of the rendered webhooks, worked out.

The conditions are evaluated by an implementation of CEL that is not the API server's.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, Final, get_args

import cel
import pytest

from pillion.kubernetes.names import COMPONENTS
from pillion.kubernetes.webhook.review import Subresource
from tests.kubernetes import rendered
from tests.kubernetes.inject.api_server import review, shown
from tests.kubernetes.reach import matches

Object = dict[str, Any]

SERVICE: Final = "pillion.dev/service"
COMPONENT: Final = "pillion.dev/component"
INJECT, SERVICES, OTHERS = "inject.pillion.dev", "services.pillion.dev", "others.pillion.dev"


def webhooks() -> Iterator[Object]:
    """Give all that are registered, in the order in which they are asked."""
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        for configuration in rendered.of_kind(rendered.SHOP, kind):
            yield from configuration["webhooks"]


def asked(about: Object) -> set[str]:
    """Name the webhooks that a request is sent to; by Kubernetes' documentation."""
    request = about["request"]
    return {one["name"] for one in webhooks() if _rules(one["rules"], request) and _matches(one, request)}


def _rules(rules: list[Object], request: Object) -> bool:
    what = request["resource"]
    resource = "/".join(filter(None, (what["resource"], request["subResource"])))
    return any(
        what["group"] in rule["apiGroups"]
        and what["version"] in rule["apiVersions"]
        and request["operation"] in rule["operations"]
        and resource in rule["resources"]
        for rule in rules
    )


def _matches(webhook: Object, request: Object) -> bool:
    namespace = {"kubernetes.io/metadata.name": request["namespace"]}
    objects = [each for each in (request["object"], request["oldObject"]) if each]
    given = {"request": request, "object": request["object"], "oldObject": request["oldObject"]}
    return (
        matches(webhook["namespaceSelector"], namespace)
        and any(matches(webhook["objectSelector"], each["metadata"].get("labels") or {}) for each in objects)
        and all(cel.evaluate(each["expression"], given) for each in webhook.get("matchConditions", ()))
    )


def pod(**labels: str) -> Object:
    """Give a pod as the API server shows it; one without labels has none, rather than an empty list of them."""
    written: Object = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "app", "image": "a:1"}]}}
    if labels:
        written["metadata"]["labels"] = labels
    return shown(written)


ORDERS: Final = pod(**{SERVICE: "orders"})
BARE: Final = pod()


def changed(before: Object, change: Callable[[Object], Any], subresource: str = "") -> Object:
    """Ask about a change of a pod."""
    after = deepcopy(before)
    change(after)
    return review(after, "UPDATE", before, subresource)


def labelled(**labels: str) -> Callable[[Object], Any]:
    """Write labels on a pod."""
    return lambda one: one["metadata"].setdefault("labels", {}).update(labels)


def reports(one: Object) -> None:
    """Do as the kubelet and controllers do all the time."""
    one["status"] = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    one["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "now"}
    one["metadata"]["finalizers"] = []


DEBUGGER: Final = [{"name": "debugger", "image": "busybox"}]
CASES: Final[dict[str, tuple[Object, set[str]]]] = {
    "a pod of a service is made": (review(ORDERS), {INJECT, SERVICES}),
    "another pod is made": (review(BARE), {OTHERS}),
    "a pod is made elsewhere": (review(ORDERS, namespace="elsewhere"), set()),
    **{
        f"a pod of {component} is made": (review(pod(**{COMPONENT: component})), set())
        for component in COMPONENTS
    },
    "one that says it is both is made": (
        review(pod(**{SERVICE: "orders", COMPONENT: "edge"})),
        {INJECT, SERVICES},
    ),
    "one of a component that is none is made": (review(pod(**{COMPONENT: "mine"})), {OTHERS}),
    "it reports": (changed(ORDERS, reports, "status"), set()),
    "another reports": (changed(BARE, reports, "status"), set()),
    "its finalizer is taken away": (changed(ORDERS, reports), set()),
    "its image changes": (
        changed(ORDERS, lambda one: one["spec"]["containers"][0].update(image="b")),
        {SERVICES},
    ),
    "another's image changes": (
        changed(BARE, lambda one: one["spec"]["containers"][0].update(image="b")),
        {OTHERS},
    ),
    "somebody looks into it": (
        changed(ORDERS, lambda one: one["spec"].update(ephemeralContainers=DEBUGGER), "ephemeralcontainers"),
        {SERVICES},
    ),
    "it gets a label": (changed(ORDERS, labelled(mood="good")), {SERVICES}),
    "it gets a label on the side": (changed(ORDERS, labelled(mood="good"), "status"), {SERVICES}),
    "one without labels gets its first": (changed(BARE, labelled(mood="good")), {OTHERS}),
    "one loses its last": (changed(pod(mood="good"), lambda one: one["metadata"].pop("labels")), {OTHERS}),
    "one becomes a service's": (changed(BARE, labelled(**{SERVICE: "orders"}), "status"), {SERVICES, OTHERS}),
    "one becomes the edge": (changed(BARE, labelled(**{COMPONENT: "edge"}), "status"), {OTHERS}),
    "a service's becomes nobody's": (
        changed(ORDERS, lambda one: one["metadata"].pop("labels")),
        {SERVICES, OTHERS},
    ),
    "it gets more memory": (
        changed(
            ORDERS,
            lambda one: one["spec"]["containers"][0].update(resources={"requests": {"cpu": "2"}}),
            "resize",
        ),
        set(),
    ),
    "it is bound to a node": (review(ORDERS, subresource="binding"), set()),
}


@pytest.mark.parametrize("case", CASES)
def test_who_is_asked(case: str) -> None:
    """Nobody about what changes nothing: pods report, end, and are bound while the webhook is away."""
    about, expected = CASES[case]
    assert asked(about) == expected


def test_what_is_registered_is_what_the_program_reads() -> None:
    """Else a pod would wait for an answer to what is not understood."""
    resources = {f"pods/{one}" if one else "pods" for one in get_args(Subresource)}
    assert {each for one in webhooks() for rule in one["rules"] for each in rule["resources"]} == resources


def test_the_api_server_finds_the_program_and_knows_it_by_its_certificate() -> None:
    """By the name that API servers ask for, SERVICE.NAMESPACE.svc, and the authority that cert-manager injects."""
    found = {(one["kind"], one["metadata"]["name"]): one for one in rendered.of_base(rendered.SHOP)}
    pods = found["Deployment", "pillion-webhook"]["spec"]["template"]
    (container,) = pods["spec"]["containers"]
    secrets = {one["secret"]["secretName"] for one in pods["spec"]["volumes"] if "secret" in one}
    for webhook in webhooks():
        reference = webhook["clientConfig"]["service"]
        service = found["Service", reference["name"]]
        assert service["metadata"]["namespace"] == reference["namespace"]
        assert service["spec"]["selector"].items() <= pods["metadata"]["labels"].items()
        (port,) = (one for one in service["spec"]["ports"] if one["port"] == reference["port"])
        assert port["targetPort"] in {one["containerPort"] for one in container["ports"]}
        assert f"0.0.0.0:{port['targetPort']}" in container["command"]
        certificates = [
            one
            for key, one in found.items()
            if key[0] == "Certificate" and one["spec"]["secretName"] in secrets
        ]
        assert [one["spec"]["dnsNames"] for one in certificates] == [
            [f"{reference['name']}.{reference['namespace']}.svc"]
        ]
        for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
            source = found[kind, "pillion-shop"]["metadata"]["annotations"]["cert-manager.io/inject-ca-from"]
            assert source == f"shop/{certificates[0]['metadata']['name']}"


@pytest.mark.parametrize(
    ("labels", "let_in"),
    [
        (None, True),
        ({"topology.kubernetes.io/zone": "a"}, True),
        ({SERVICE: "orders"}, False),
        ({COMPONENT: "identity"}, False),
    ],
)
def test_a_binding_brings_no_label_of_pillions(labels: dict[str, str] | None, *, let_in: bool) -> None:
    """A pod takes over those of its Binding (Kubernetes 1.35, KEP 4742), and no webhook is asked about the pod."""
    (policy,) = rendered.of_kind(rendered.SHOP, "ValidatingAdmissionPolicy")
    (force,) = rendered.of_kind(rendered.SHOP, "ValidatingAdmissionPolicyBinding")
    assert force["spec"] == {"policyName": policy["metadata"]["name"], "validationActions": ["Deny"]}
    metadata = {"name": "a", "namespace": "shop"} | ({"labels": labels} if labels else {})
    binding = {"metadata": metadata, "target": {"kind": "Node", "name": "n"}}
    (validation,) = policy["spec"]["validations"]
    assert cel.evaluate(validation["expression"], {"object": binding}) is let_in
    constraints = policy["spec"]["matchConstraints"]
    assert matches(constraints["namespaceSelector"], {"kubernetes.io/metadata.name": "shop"})
    assert {each for rule in constraints["resourceRules"] for each in rule["resources"]} == {
        "bindings",
        "pods/binding",
    }
