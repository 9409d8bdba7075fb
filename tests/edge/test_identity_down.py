"""Identity does not answer: valid tokens are served all the same, and nobody is asked to sign in for our fault."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import psutil
import pytest

from tests.edge.edge_mesh import SESSION, TOKEN, USER, EdgeMesh, cookie, headers, problem
from tests.local.waiting import until

# The edge waits 2 s for a renewal.
PATIENCE_SECONDS = 5.0


def _processes(edge: EdgeMesh) -> list[psutil.Process]:
    identity = psutil.Process(edge.mesh.workload("identity", "identity")["pid"])
    return [identity, *identity.children(recursive=True)]


@contextmanager
def _stopped(edge: EdgeMesh) -> Iterator[None]:
    """Freeze identity: its socket still takes connections, and nothing ever comes back."""
    processes = _processes(edge)
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="module")
def signed_in(edge: EdgeMesh) -> dict[str, str]:
    """Give the cookies of somebody who signed in while identity was there."""
    return edge.sign_in()


@pytest.fixture
def frozen(edge: EdgeMesh, signed_in: dict[str, str]) -> Iterator[dict[str, str]]:
    """Freeze identity for one test; gives the cookies of somebody who is signed in."""
    with _stopped(edge):
        yield signed_in


def _in_time(edge: EdgeMesh, path: str, **sent: str) -> httpx.Response:
    begun = time.monotonic()
    answer = edge.get(path, **sent)
    assert time.monotonic() - begun < PATIENCE_SECONDS
    return answer


def test_a_good_token_is_served_at_once(edge: EdgeMesh, frozen: dict[str, str]) -> None:
    begun = time.monotonic()
    for _ in range(20):
        for sent in ({"authorization": f"Bearer {frozen[TOKEN]}"}, {"cookie": cookie(token=frozen[TOKEN])}):
            answer = edge.get("/api/things", **sent)
            assert answer.status_code == 200
            assert headers(answer)["x-pillion-email"] == USER
    assert time.monotonic() - begun < PATIENCE_SECONDS


@pytest.mark.parametrize("token", [None, "a.b.c", "stale"])
def test_a_session_that_cannot_be_renewed_is_503_and_not_a_sign_in(
    edge: EdgeMesh, frozen: dict[str, str], token: str | None
) -> None:
    sent = {"session": frozen[SESSION]}
    if token:
        sent["token"] = edge.stale() if token == "stale" else token
    with ThreadPoolExecutor(2) as both:
        asked = [
            both.submit(_in_time, edge, "/api/things", cookie=cookie(**sent), **{"sec-fetch-mode": mode})
            for mode in ("cors", "navigate")
        ]
    for answer in (ask.result() for ask in asked):
        problem(answer, 503, "identity-unavailable")
        assert int(answer.headers["retry-after"]) > 0
        # The session is alive for all we know: its cookies stay.
        assert "set-cookie" not in answer.headers


def test_an_open_path_is_served_as_to_anybody(edge: EdgeMesh, frozen: dict[str, str]) -> None:
    answer = _in_time(edge, "/api/open/things", cookie=cookie(session=frozen[SESSION], a="1"))
    assert answer.status_code == 200
    got = headers(answer)
    assert got["cookie"] == "a=1"
    assert not {name for name in got if name.startswith(("x-pillion", "x-envoy")) or name == "authorization"}


def test_without_a_session_it_is_401_as_ever(edge: EdgeMesh, frozen: dict[str, str]) -> None:
    assert frozen
    begun = time.monotonic()
    problem(edge.get("/api/things"), 401, "token-missing")
    problem(edge.get("/api/things", authorization="Bearer a.b.c"), 401, "token-invalid")
    problem(edge.get("/api/things", cookie=cookie(token="a.b.c")), 401, "token-missing")
    assert edge.get("/page/things", accept="text/html").status_code == 303
    assert time.monotonic() - begun < PATIENCE_SECONDS / 2


def test_nobody_can_pretend_that_identity_was_away(edge: EdgeMesh) -> None:
    name = "x-envoy-auth-failure-mode-allowed"
    answer = edge.ask("GET", "/api/things", {name: "true"})
    problem(answer, 401, "token-missing")


def test_what_identity_itself_answers_does_not_hang(edge: EdgeMesh, frozen: dict[str, str]) -> None:
    """Its pages have a limit of their own; it is longer, because to check a password takes a while."""
    asked = [
        ("GET", "/sign-in", {}),
        ("POST", "/sign-in", {"origin": edge.edge}),
        ("GET", "/me", {"authorization": f"Bearer {frozen[TOKEN]}"}),
        ("GET", "/.well-known/jwks.json", {}),
    ]
    with ThreadPoolExecutor(len(asked)) as crowd:
        for answer in crowd.map(lambda one: edge.ask(*one), asked):
            problem(answer, 504, "service-timed-out")


def test_afterwards_everything_works_again(edge: EdgeMesh, signed_in: dict[str, str]) -> None:
    sent = cookie(session=signed_in[SESSION])
    with _stopped(edge):
        assert _in_time(edge, "/api/things", cookie=sent).status_code == 503
    until(lambda: edge.get("/api/things", cookie=sent).status_code == 200, "the session is renewed again")
    assert edge.sign_in()


def test_when_identity_is_killed_a_session_is_renewed_as_soon_as_it_is_back(
    edge: EdgeMesh, signed_in: dict[str, str]
) -> None:
    sent = cookie(session=signed_in[SESSION])
    was = _processes(edge)
    for process in was:
        process.kill()
    answers: list[int] = []

    def renewed() -> bool:
        answers.append(_in_time(edge, "/api/things", cookie=sent).status_code)
        assert edge.get("/api/things", authorization=f"Bearer {signed_in[TOKEN]}").status_code == 200
        return answers[-1] == 200

    until(renewed, "the session is renewed again")
    assert set(answers) <= {503, 200}
    assert edge.mesh.workload("identity", "identity")["pid"] != was[0].pid
    until(lambda: edge.mesh.status()["ready"], "identity is back")
