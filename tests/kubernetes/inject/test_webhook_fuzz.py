"""Whatever pod goes in is refused or comes out protected; whatever else goes in is answered as no review."""

import asyncio
import json
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pillion.kubernetes.webhook.app import Webhook
from tests.kubernetes.inject.api_server import patched, review, shown
from tests.kubernetes.inject.checker import OURS, holes
from tests.kubernetes.inject.webhook import IMAGE, config

# The same every time: what was found once is found again, and nothing else by chance.
ALWAYS: Final = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

NAMES: Final = st.sampled_from(
    ["app", "second", "pillion-sidecar", "pillion-certificates", "pillion-envoy", "x"]
)
SECRETS: Final = st.sampled_from(["mine", "pillion-web-certificate", "pillion-identity", "pillion-ca"])
CAPABILITIES: Final = st.lists(
    st.sampled_from(["ALL", "NET_RAW", "CHOWN", "cap_sys_admin", "SYS_PTRACE"]), max_size=2
)
PORTS: Final = st.sampled_from([7000, 8080, 15001, 15002, 15020, 15021])
PATHS: Final = st.sampled_from(
    ["/", "/data", "//proc", "/./sys", "/a/../dev", "var/lib/kubelet/pods", "/var/lib", "/run"]
)


def some(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Give mappings that have some of these keys, or null behind them."""
    return st.fixed_dictionaries({}, optional={name: part | st.none() for name, part in parts.items()})


CONTEXTS: Final = some(
    privileged=st.booleans(),
    runAsUser=st.sampled_from([0, 1000, 10101]),
    capabilities=some(add=CAPABILITIES, drop=CAPABILITIES),
)
ASKS: Final = some(
    httpGet=st.fixed_dictionaries({"port": PORTS | st.just("http")}, optional={"path": st.just("/x")}),
    tcpSocket=st.fixed_dictionaries({"port": PORTS}),
)


@st.composite
def containers(draw: st.DrawFn) -> dict[str, Any]:
    """Make a container of anything that Kubernetes takes, and that somebody might try."""
    reference = st.fixed_dictionaries({"name": SECRETS, "key": st.just("k")})
    rest = some(
        securityContext=CONTEXTS,
        ports=st.lists(st.fixed_dictionaries({"containerPort": PORTS}), max_size=2),
        volumeMounts=st.lists(st.fixed_dictionaries({"name": NAMES, "mountPath": st.just("/m")}), max_size=2),
        env=st.lists(
            st.fixed_dictionaries(
                {"name": st.sampled_from(["A", "HTTP_PROXY"])}, optional={"value": st.text(max_size=3)}
            )
            | st.fixed_dictionaries(
                {"name": st.just("B"), "valueFrom": st.fixed_dictionaries({"secretKeyRef": reference})}
            ),
            max_size=2,
        ),
        envFrom=st.lists(
            st.fixed_dictionaries({"secretRef": st.fixed_dictionaries({"name": SECRETS})}), max_size=1
        ),
        readinessProbe=ASKS,
        lifecycle=some(preStop=st.just({"exec": {"command": ["x"]}})),
        restartPolicy=st.just("Always"),
    )
    return {"name": draw(NAMES), "image": "registry.example/app:1", **draw(rest)}


@st.composite
def volumes(draw: st.DrawFn) -> dict[str, Any]:
    """Make a volume of one of many kinds."""
    secret = st.fixed_dictionaries({"name": SECRETS})
    source = st.one_of(
        st.just({"emptyDir": {}}),
        SECRETS.map(lambda name: {"secret": {"secretName": name}}),
        secret.map(lambda one: {"projected": {"sources": [{"secret": one}]}}),
        secret.map(lambda one: {"csi": {"driver": "d", "nodePublishSecretRef": one}}),
        secret.map(lambda one: {"flexVolume": {"driver": "d", "secretRef": one}}),
        SECRETS.map(lambda name: {"azureFile": {"secretName": name, "shareName": "s"}}),
        PATHS.map(lambda path: {"hostPath": {"path": path}}),
    )
    return {"name": draw(NAMES), **draw(source)}


@st.composite
def pods(draw: st.DrawFn) -> dict[str, Any]:
    """Make a pod of the service `web`."""
    rest = some(
        initContainers=st.lists(containers(), max_size=2),
        volumes=st.lists(volumes(), max_size=2),
        hostNetwork=st.booleans(),
        hostPID=st.booleans(),
        shareProcessNamespace=st.booleans(),
        serviceAccountName=st.sampled_from(["mine", "pillion-control"]),
        securityContext=some(runAsUser=st.sampled_from([1000, 10101])),
        restartPolicy=st.sampled_from(["Always", "Never"]),
        terminationGracePeriodSeconds=st.integers(0, 60),
    )
    labels = {"pillion.dev/service": "web"} | draw(some(**{"pillion.dev/component": st.just("edge")}))
    written = {name: value for name, value in labels.items() if value is not None}
    spec = {"containers": draw(st.lists(containers(), min_size=1, max_size=2)), **draw(rest)}
    return {"metadata": {"labels": written}, "spec": spec}


class Asked:
    """Asks the webhook without a network in between: the application itself."""

    def __init__(self, folder: Path) -> None:
        file = folder / "webhook.json"
        file.write_text(json.dumps(config()), encoding="utf-8")
        self._webhook = Webhook(file, IMAGE)

    def __call__(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Give the status and the body of its answer."""
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"content-type", b"application/json")]
        scope = {"type": "http", "path": path, "method": "POST", "headers": headers}
        asyncio.run(self._webhook(scope, receive, send))
        return sent[0]["status"], json.loads(sent[1]["body"])

    def response(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Give the response to a review."""
        status, body = self(path, json.dumps(asked).encode())
        assert status == 200, body
        found: dict[str, Any] = body["response"]
        return found


def test_a_pod_is_refused_or_comes_out_protected(tmp_path: Path) -> None:
    """By an independent look at it; and what comes out is let in, and changes no more."""
    ask = Asked(tmp_path)
    outcomes = {True: 0, False: 0}

    @ALWAYS
    @given(pods())
    def look(pod: dict[str, Any]) -> None:
        response = ask.response("/mutate", review(pod))
        outcomes[response["allowed"]] += 1
        if not response["allowed"]:
            assert response["status"]["message"].startswith("pillion: ")
            return
        # Null and absent are the same to an API server.
        stored = shown(_without_nulls(patched(pod, response)))
        assert holes(stored, "web", IMAGE) == []
        assert ask.response("/validate", review(stored))["allowed"]
        assert "patch" not in ask.response("/mutate", review(stored))

    look()
    assert min(outcomes.values()) > 10, outcomes


def test_a_protected_pod_that_is_changed_anywhere_is_refused_or_still_protected(tmp_path: Path) -> None:
    """Any one value of it is replaced, or taken away, or something is added."""
    ask = Asked(tmp_path)
    bare = {
        "metadata": {"labels": {"pillion.dev/service": "web"}},
        "spec": {"containers": [{"name": "app", "image": "a"}]},
    }
    good = shown(patched(shown(bare), ask.response("/mutate", review(shown(bare)))))
    places = [*_places(good["spec"])]
    others: st.SearchStrategy[Any] = st.sampled_from(
        [None, True, False, 0, 1, "", "x", [], {}, {"name": "x"}, min(OURS), "pillion-ca"]
    )
    outcomes = {True: 0, False: 0}

    @ALWAYS
    @given(st.sampled_from(places), others, st.booleans())
    def look(place: tuple[Any, ...], value: Any, gone: bool) -> None:  # noqa: FBT001 - hypothesis gives it
        changed = deepcopy(good)
        inside = changed["spec"]
        for step in place[:-1]:
            inside = inside[step]
        if gone:
            del inside[place[-1]]
        else:
            inside[place[-1]] = value
        response = ask.response("/validate", review(changed))
        outcomes[response["allowed"]] += 1
        if response["allowed"]:
            assert holes(changed, "web", IMAGE) == []

    look()
    assert min(outcomes.values()) > 10, outcomes


def test_whatever_comes_is_answered(tmp_path: Path) -> None:
    """With 200 or 400, and never with a failure."""
    ask = Asked(tmp_path)
    leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    anything = st.recursive(
        leaf,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    )
    keys = (
        "metadata",
        "spec",
        "labels",
        "containers",
        "name",
        "volumes",
        "env",
        "securityContext",
        "pillion.dev/service",
    )
    resembling = st.recursive(
        leaf | st.just("web"),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(keys), inner, max_size=4),
        max_leaves=12,
    )
    bodies = st.one_of(
        st.binary(max_size=50),
        anything.map(lambda value: json.dumps(value).encode()),
        resembling.map(lambda pod: json.dumps(review(pod)).encode()),
        st.tuples(resembling, resembling).map(
            lambda two: json.dumps(review(two[0], "UPDATE", two[1])).encode()
        ),
    )

    @ALWAYS
    @given(st.sampled_from(["/mutate", "/validate"]), bodies)
    def look(path: str, body: bytes) -> None:
        status, answer = ask(path, body)
        assert status in {200, 400}
        assert answer["kind"] == ("AdmissionReview" if status == 200 else "Status")

    look()


def _places(value: Any, path: tuple[Any, ...] = ()) -> Any:
    """Give the paths of all values below."""
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, each in entries:
        yield (*path, key)
        yield from _places(each, (*path, key))


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value
