"""Callers who send a byte at a time hold up nobody but themselves."""

import socket
import time
from contextlib import ExitStack

import httpx
import pytest

from tests import wire
from tests.edge.edge_mesh import SESSION, TOKEN, EdgeMesh, cookie, headers, problem

# What takes this long grows faster than what was sent.
AT_ONCE_SECONDS = 1.0

# More than identity has threads for.
CALLERS = 100


def test_bodies_that_never_end_do_not_reach_identity(edge: EdgeMesh) -> None:
    """Each of its threads would wait for one of them; renewals and sign-ins go on meanwhile."""
    session = edge.sign_in()[SESSION]
    with ExitStack() as callers:
        for _ in range(CALLERS):
            caller = callers.enter_context(socket.create_connection(edge.address, timeout=5))
            head = (
                "POST /sign-in HTTP/1.1",
                "Host: edge",
                "Content-Type: application/json",
                "Content-Length: 90",
            )
            caller.sendall(wire.lines(*head) + b"{")
        answer = edge.get("/api/things", cookie=cookie(session=session))
        assert headers(answer)["x-pillion-email"]
        assert edge.get("/sign-in").status_code == 200
        assert edge.sign_in()


def test_a_body_that_identity_would_not_take_is_refused_at_the_edge(edge: EdgeMesh) -> None:
    answer = edge.ask("POST", "/sign-in", {"content-type": "application/json"}, b"x" * 70_000)
    problem(answer, 413, "body-too-large")


@pytest.mark.parametrize("path", ["/api/open/things", "/sign-in"])
@pytest.mark.parametrize("blank", [" ", "\t", "="])
@pytest.mark.parametrize("form", ["a=1;{};b=2", "b=x{}y", "{}", "a{}=1", SESSION + "={}", SESSION + "{}=x"])
def test_a_long_cookie_is_sorted_in_one_pass(edge: EdgeMesh, path: str, blank: str, form: str) -> None:
    """A pattern that backtracks would hold a worker of the edge, and all who share it (CWE-1333)."""
    sent = "Cookie: " + form.replace("{}", blank * 50_000)
    begun = time.monotonic()
    answer = wire.ask(edge.address, f"GET {path} HTTP/1.1", "Host: edge", sent)
    assert answer.status == 200
    assert time.monotonic() - begun < AT_ONCE_SECONDS


@pytest.mark.parametrize("form", ["={}x", "{}", "a{}=1", "=" + TOKEN + "{}=1"])
def test_a_long_cookie_of_a_services_is_looked_at_in_one_pass(edge: EdgeMesh, form: str) -> None:
    planted = form.replace("{}", " " * 20_000)
    begun = time.monotonic()
    httpx.get(f"{edge.edge}/api/open/set", params={"c": planted}, timeout=20)
    assert time.monotonic() - begun < AT_ONCE_SECONDS
