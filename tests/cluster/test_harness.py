"""The harness itself, by toys: what it runs has to come out as a cluster's documentation says."""

from collections.abc import Iterator

import httpx
import pytest

from tests.cluster import client, toys
from tests.cluster.client import Cluster
from tests.local.waiting import until


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Run the toys."""
    with client.running() as started:
        started.apply(toys.documents(toys.NAMESPACES + "---" + toys.HELLO + "---" + toys.CALLER))
        started.settle()
        yield started


def hello(cluster: Cluster) -> list[str]:
    """Name the pods that are there to stay."""
    return [one["name"] for one in cluster.pods("hello")]


def test_a_service_leads_to_a_pod_that_is_ready(cluster: Cluster) -> None:
    assert httpx.get(f"http://127.0.0.1:{cluster.port}/greeting").text == "hello"


def test_a_container_runs_as_its_user_in_a_root_that_cannot_be_written(cluster: Cluster) -> None:
    pod = hello(cluster)[0]
    said = cluster.execute(
        pod, "hello", "sh", "-c", "id -u; touch /app/x /etc/x /settings/x 2>&1; cat /shared/first; ls /proc"
    )
    lines = said.splitlines()
    assert lines[0] == "10101" or lines[0] == "0"
    assert [line for line in lines[1:4] if "Read-only" not in line and "ermission" not in line] == []
    assert lines[4] == f"made by {pod}"
    assert "1" in lines


def test_a_headless_services_name_leads_to_its_ready_pods(cluster: Cluster) -> None:
    ask = "import socket; print(sorted(i[4][0] for i in socket.getaddrinfo('hello', 8000, type=1)))"
    assert cluster.execute("caller", "caller", "python", "-c", ask).strip() == str(
        sorted(one["address"] for one in cluster.pods("hello"))
    )


def test_a_config_map_is_swapped_in_running_pods(cluster: Cluster) -> None:
    changed = toys.documents(toys.HELLO)[0] | {"data": {"greeting": "good day"}}
    assert cluster.apply([changed]) == {"ConfigMap/settings": "configured"}
    before = hello(cluster)
    until(lambda: httpx.get(f"http://127.0.0.1:{cluster.port}/greeting").text == "good day", "it is taken up")
    assert hello(cluster) == before


def test_a_socket_of_a_pods_network_talks_from_there(cluster: Cluster) -> None:
    addresses = {one["name"]: one["address"] for one in cluster.pods()}
    with cluster.socket_in("caller") as connection:
        connection.settimeout(5)
        connection.connect((addresses[hello(cluster)[0]], 8000))
        assert connection.getsockname()[0] == addresses["caller"]
    with cluster.socket_in() as connection, pytest.raises(OSError, match="assign"):
        connection.bind((addresses["caller"], 0))
    with pytest.raises(LookupError):
        cluster.socket_in("nobody")


def test_policies_keep_out_whom_they_do_not_let_in(cluster: Cluster) -> None:
    addresses = [f"{one['address']}:8000" for one in cluster.pods("hello")]
    assert {*cluster.knock("caller", addresses).values()} == {"open"}
    cluster.apply(toys.documents(toys.DENY))
    until(lambda: {*cluster.knock("caller", addresses, 0.3).values()} == {"shut"}, "it is shut")
    assert httpx.get(f"http://127.0.0.1:{cluster.port}/greeting").status_code == 200, (
        "from the node, it is open"
    )
    cluster.apply(toys.documents(toys.ALLOW))
    until(lambda: {*cluster.knock("caller", addresses, 0.3).values()} == {"open"}, "it is open")


def test_what_dies_is_started_again_and_gets_no_request_meanwhile(cluster: Cluster) -> None:
    [one, other] = hello(cluster)
    cluster.kill(one, "hello")

    def restarted() -> bool:
        found = {pod["name"]: pod for pod in cluster.pods("hello")}
        return bool(found[one]["containers"]["hello"]["restarts"] == 1 and found[one]["ready"])

    until(restarted, "it runs again")
    assert hello(cluster) == [one, other]


def test_a_rollout_replaces_all_pods_and_never_has_fewer_that_are_ready(cluster: Cluster) -> None:
    before = hello(cluster)
    [deployment] = [one for one in toys.documents(toys.HELLO) if one["kind"] == "Deployment"]
    deployment["spec"]["template"]["metadata"]["labels"]["again"] = "yes"
    cluster.apply([deployment])
    fewest = 2

    def replaced() -> bool:
        nonlocal fewest
        fewest = min(fewest, sum(pod["ready"] for pod in cluster.pods("hello")))
        return bool(cluster.order("settled"))

    until(replaced, "the rollout is through")
    assert (fewest, {*before} & {*hello(cluster)}) == (2, set())


def test_a_job_is_done_when_its_app_is_and_its_sidecar_ends_with_it(cluster: Cluster) -> None:
    cluster.apply(toys.documents(toys.JOB))
    until(lambda: cluster.order("finished").get("Job/once") == "Succeeded", "it is done")
    assert [one["name"] for one in cluster.pods() if one["owner"] == "Job/once"] == []
