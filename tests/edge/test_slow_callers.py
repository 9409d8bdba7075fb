"""Callers who send a byte at a time hold up nobody but themselves."""

import socket
from contextlib import ExitStack

from tests import wire
from tests.edge.edge_mesh import SESSION, EdgeMesh, cookie, headers, problem

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
