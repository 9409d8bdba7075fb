"""What the webhook says of pods of every kind, asked as an API server asks."""

import json
from copy import deepcopy
from typing import Any

import pytest

from pillion.kubernetes.inject.workloads import Workload, workloads
from tests.kubernetes import rendered
from tests.kubernetes.inject.api_server import LABEL, patched, pod, review, shown
from tests.kubernetes.inject.checker import holes
from tests.kubernetes.inject.test_inject import CASES
from tests.kubernetes.inject.webhook import IMAGE, Webhook, config, refusal, until


def admitted(webhook: Webhook, asked: dict[str, Any]) -> dict[str, Any]:
    """Lead a pod through both, as the API server does, and give what it stores."""
    response = webhook.ask("/mutate", review(asked))
    assert response["allowed"], response
    stored = shown(patched(asked, response))
    validated = webhook.ask("/validate", review(stored))
    assert validated["allowed"], validated
    assert "patch" not in webhook.ask("/mutate", review(stored)), "asked again, there is nothing to do"
    return stored


def templates(name: str) -> list[Workload]:
    """Give the workloads of a case of `pillion inject`, whose pods an API server would make."""
    documents = rendered.documents((CASES / f"{name}.yaml").read_text(encoding="utf-8"))
    found = [each for document in documents if document for each in workloads(document)]
    return [each for each in found if isinstance(each, Workload)]


@pytest.mark.parametrize(
    "name",
    [
        "deployment",
        "stateful-set",
        "daemon-set",
        "job",
        "cron-job",
        "pod",
        "list",
        "older-sidecar",
        "warnings",
    ],
)
def test_a_pod_of_every_kind_gets_its_sidecar(name: str, webhook: Webhook) -> None:
    """Of a workload that says whose it is; what a user's own tools have put there stays."""
    for workload in templates(name):
        services = [workload.label, workload.name]
        service = next((each for each in services if each in config()["services"]), None)
        if service is None:
            continue
        asked = deepcopy(workload.template)
        asked["metadata"] = {**(asked.get("metadata") or {})}
        asked["metadata"]["labels"] = {**(asked["metadata"].get("labels") or {}), LABEL: service}
        stored = admitted(webhook, shown(asked))
        assert holes(stored, service, IMAGE) == []


def test_a_pod_that_was_injected_by_hand_gets_the_image_of_the_cluster_and_nothing_else(
    webhook: Webhook,
) -> None:
    """As those are that `render kubernetes` writes; their own Deployments' images may come from elsewhere."""
    for document in rendered.of_kind(rendered.SHOP, "Deployment"):
        template = document["spec"]["template"]
        service = template["metadata"]["labels"].get(LABEL)
        if service:
            stored = admitted(webhook, shown(template))
            wanted = deepcopy(template)
            wanted["spec"]["initContainers"][0]["image"] = IMAGE
            assert stored == shown(wanted)


def test_warnings_go_to_who_applies(webhook: Webhook) -> None:
    """The API server passes them on to kubectl."""
    (workload,) = templates("warnings")
    asked = shown(workload.template)
    asked["metadata"]["labels"][LABEL] = "orders"
    warnings = webhook.ask("/mutate", review(asked))["warnings"]
    assert any("listens on every address" in warning for warning in warnings)
    assert all(len(warning) <= 256 for warning in warnings)


def test_every_refusal_of_inject_is_one_of_the_webhook(webhook: Webhook) -> None:
    """On both ways, and with the same words."""
    said = (CASES / "refused.txt").read_text(encoding="utf-8").splitlines()
    for workload in templates("refused"):
        if workload.name == "fine":
            continue
        asked = deepcopy(workload.template)
        asked["metadata"] = {"labels": {**asked.get("metadata", {}).get("labels", {}), LABEL: workload.name}}
        for path in ("/mutate", "/validate"):
            why = refusal(webhook, path, review(asked))
            assert why.startswith("pillion: ")
            first = why.removeprefix("pillion: ").partition("; ")[0]
            assert any(first in line for line in said), first


def changes() -> dict[str, Any]:
    """Give what somebody might do to a protected pod, each by its name."""

    def sidecar(**parts: Any) -> Any:
        return lambda spec: spec["initContainers"][0].update(parts)

    def volume(name: str, source: dict[str, Any]) -> Any:
        def change(spec: dict[str, Any]) -> None:
            spec["volumes"] = [one for one in spec["volumes"] if one["name"] != name] + [
                {"name": name, **source}
            ]

        return change

    return {
        "no sidecar": lambda spec: spec.pop("initContainers"),
        "another image": sidecar(image="registry.example/evil:1"),
        "another command": sidecar(command=["sh"]),
        "another argument": lambda spec: spec["initContainers"][0]["args"].append("--log-level trace"),
        "ends early": sidecar(restartPolicy=None),
        "a hook": sidecar(
            lifecycle={"postStart": {"exec": {"command": ["cat", "certificates/web/tls.key"]}}}
        ),
        "a terminal": sidecar(stdin=True, tty=True),
        "a variable": lambda spec: spec["initContainers"][0]["env"].append(
            {"name": "LD_PRELOAD", "value": "x"}
        ),
        "variables": sidecar(envFrom=[{"configMapRef": {"name": "x"}}]),
        "a mount": lambda spec: spec["initContainers"][0]["volumeMounts"].append(
            {"name": "x", "mountPath": "/x"}
        ),
        "root": sidecar(securityContext={"runAsUser": 0}),
        "a right": lambda spec: spec["initContainers"][0]["securityContext"]["capabilities"].update(
            add=["NET_RAW"]
        ),
        "another probe": sidecar(readinessProbe={"httpGet": {"path": "/", "port": 7000, "scheme": "HTTP"}}),
        "two of them": lambda spec: spec["initContainers"].append(spec["initContainers"][0]),
        "beside the app": lambda spec: spec["containers"].append(spec["initContainers"].pop(0)),
        "another's files": volume("pillion-envoy", {"configMap": {"name": "pillion-catalog"}}),
        "a user's files": volume("pillion-known", {"emptyDir": {}}),
        "no volume": lambda spec: spec["volumes"].remove(
            next(one for one in spec["volumes"] if one["name"] == "pillion-no-token")
        ),
        "the key for all": lambda spec: spec["containers"][0]["volumeMounts"].append(
            {"name": "pillion-certificates", "mountPath": "/keys"}
        ),
        "the node's network": lambda spec: spec.update(hostNetwork=True),
        "one process tree": lambda spec: spec.update(shareProcessNamespace=True),
        "control's account": lambda spec: spec.update(serviceAccountName="pillion-control"),
    }


@pytest.fixture(scope="module")
def stored(webhook: Webhook) -> dict[str, Any]:
    return admitted(webhook, pod("web"))


@pytest.mark.parametrize("name", changes())
def test_what_was_changed_after_injection_does_not_get_in(
    name: str, webhook: Webhook, stored: dict[str, Any]
) -> None:
    """By another webhook, say; nor is it changed so later."""
    changed = deepcopy(stored)
    changes()[name](changed["spec"])
    assert holes(changed, "web", IMAGE) or name in {"another argument", "another probe"}
    assert refusal(webhook, "/validate", review(changed))
    assert refusal(webhook, "/validate", review(changed, "UPDATE", stored))


def test_what_the_cluster_itself_may_change_gets_in(webhook: Webhook, stored: dict[str, Any]) -> None:
    """A LimitRange, where images come from, and another webhook's own container before and beside ours."""
    changed = deepcopy(stored)
    sidecar = changed["spec"]["initContainers"][0]
    sidecar["resources"] = {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}
    sidecar["imagePullPolicy"] = "Always"
    changed["spec"]["initContainers"].insert(0, {"name": "theirs", "image": "registry.example/theirs:1"})
    changed["spec"]["containers"].append({"name": "theirs-too", "image": "registry.example/theirs:1"})
    assert webhook.ask("/validate", review(changed))["allowed"]


def test_a_running_pod_keeps_its_service_and_gets_none_later(
    webhook: Webhook, stored: dict[str, Any]
) -> None:
    """Labels may be written on a pod that runs, and Services and policies go by them."""
    bare = pod(None)
    for subresource in ("", "status"):
        asked = review(_labelled(bare, LABEL, "web"), "UPDATE", bare, subresource)
        assert "'pillion-sidecar' is missing" in refusal(webhook, "/validate", asked)
    for asked in (
        review(_labelled(stored, LABEL, "catalog"), "UPDATE", stored),
        review(_labelled(stored, LABEL, None), "UPDATE", stored),
        review(_labelled(stored, "pillion.dev/component", "identity"), "UPDATE", stored),
        review(_labelled(bare, "pillion.dev/component", "identity"), "UPDATE", bare),
    ):
        assert "labels" in refusal(webhook, "/validate", asked)
    assert webhook.ask("/validate", review(_labelled(stored, "mood", "good"), "UPDATE", stored))["allowed"]


def _labelled(asked: dict[str, Any], name: str, value: str | None) -> dict[str, Any]:
    changed = deepcopy(asked)
    changed["metadata"]["labels"].pop(name, None)
    if value is not None:
        changed["metadata"]["labels"][name] = value
    return changed


def test_a_pod_that_an_older_version_let_in_can_still_be_changed_otherwise(
    webhook: Webhook, stored: dict[str, Any]
) -> None:
    """Its controller labels it and lets it end; what would be worse is refused as before."""
    old = deepcopy(stored)
    old["spec"]["initContainers"][0]["image"] = "envoyproxy/envoy:v1.30.0"
    assert webhook.ask("/validate", review(_labelled(old, "mood", "good"), "UPDATE", old))["allowed"]
    worse = deepcopy(old)
    worse["spec"]["initContainers"][0]["command"] = ["sh"]
    assert refusal(webhook, "/validate", review(worse, "UPDATE", old))


@pytest.mark.parametrize(
    ("container", "may"),
    [
        # kubectl debug --profile=restricted --target=app
        ({"targetContainerName": "app", "securityContext": {"capabilities": {"drop": ["ALL"]}}}, True),
        ({}, False),
        ({"securityContext": {"capabilities": {"add": ["SYS_PTRACE"]}}}, False),
        ({"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]}}}, False),
        ({"securityContext": {"privileged": True}}, False),
        (
            {
                "targetContainerName": "pillion-sidecar",
                "securityContext": {"capabilities": {"drop": ["ALL"]}},
            },
            False,
        ),
        (
            {
                "volumeMounts": [{"name": "pillion-certificates", "mountPath": "/x"}],
                "securityContext": {"capabilities": {"drop": ["ALL"]}},
            },
            False,
        ),
    ],
)
def test_a_debugger_sees_the_app_and_not_the_sidecar(
    container: dict[str, Any],
    may: bool,  # noqa: FBT001 - a column
    webhook: Webhook,
    stored: dict[str, Any],
) -> None:
    """`kubectl debug` puts a container into a pod that runs."""
    changed = deepcopy(stored)
    changed["spec"]["ephemeralContainers"] = [
        {"name": "debugger-1", "image": "busybox", "stdin": True, **container}
    ]
    response = webhook.ask("/validate", review(changed, "UPDATE", stored, "ephemeralcontainers"))
    assert response["allowed"] is may
    assert bool(holes(changed, "web", IMAGE)) is not may


def test_a_pod_of_no_service_stays_as_it_is_and_has_nothing_of_pillions(webhook: Webhook) -> None:
    """A database in the same namespace, say; and one who would be a service by its key."""
    bare = pod(None, hostPID=True)
    assert "patch" not in webhook.ask("/mutate", review(bare))
    assert webhook.ask("/validate", review(bare))["allowed"]
    secret_volume = {"name": "x", "secret": {"secretName": "pillion-orders-certificate"}}
    for spec in (
        {"volumes": [secret_volume]},
        {"volumes": [{**secret_volume, "name": "pillion-certificates"}]},
        {"serviceAccountName": "pillion-control"},
    ):
        assert "Pillion's" in refusal(webhook, "/validate", review(pod(None, **spec)))


def test_what_no_topology_knows_does_not_get_in(webhook: Webhook) -> None:
    """Neither a service, nor another namespace, about which the API server should not have asked."""
    for path in ("/mutate", "/validate"):
        assert "did you mean 'orders'?" in refusal(webhook, path, review(pod("order")))
        assert "'shop'" in refusal(webhook, path, review(pod("orders"), namespace="elsewhere"))


def test_who_was_refused_stands_in_the_log(webhook: Webhook) -> None:
    """For who looks for one who tries."""
    asked = review(pod("web", hostNetwork=True), userInfo={"username": "mallory"})
    asked["request"]["uid"] = "for-the-log"
    webhook.ask("/validate", asked)
    until(lambda: "for-the-log" in webhook.log(), webhook)
    (line,) = [line for line in webhook.log().splitlines() if "for-the-log" in line]
    assert json.loads(line)["user"] == "mallory"
    assert "hostNetwork" in json.loads(line)["why"][0]
