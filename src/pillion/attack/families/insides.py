"""Control, identity and the Envoys' admin interfaces: none of them is for anybody outside."""

import secrets
import ssl
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pillion.attack import http2, jose, wire
from pillion.attack.judge import judged, let_in
from pillion.attack.outcome import Attack, CannotBeTriedError, Family, Outcome, Verdict, held, through, worst
from pillion.attack.target import Door, Target
from pillion.attack.wire import Answer
from pillion.vocabulary import RENEWAL_PATH, SESSION_HEADER, WORKLOAD_HEADER, edge_spiffe_id

_EXPOSED: Final = "CWE-668; CWE-306"
_ADMIN: Final = "CWE-1327; CWE-497"
_STREAM: Final = "CWE-306; CWE-200"
_ADS: Final = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
_GRPC: Final = (("content-type", "application/grpc"), ("te", "trailers"))
# An empty message, as gRPC frames it.
_EMPTY: Final = bytes(5)
# What an Envoy's admin interface says, and nothing else does.
_ADMIN_WORDS: Final = (
    b'"configs"',
    b"envoy.",
    b"server.live",
    b'"certificates"',
    b"cluster_manager",
    b"::added_via_api::",
)


def _control(target: Target) -> str | None:
    field = f"Authorization: Bearer {target.token}"
    return let_in(wire.request(target.edge, "GET", target.places.protected.path, field))


def _unknown_listeners(target: Target) -> Outcome:
    if target.strays:
        return through(f"listening where nobody knows: {', '.join(target.strays)}")
    return held("no process of the mesh listens anywhere else")


def _private(target: Target) -> Outcome:
    """Look whether another user of this machine could open the sockets."""
    folders = {Path(door.path).parent for door in target.insides if door.path}
    if not folders:
        raise CannotBeTriedError("none of them is a socket in a folder that can be seen from here")
    open_ = [folder for folder in folders if stat.S_IMODE(folder.stat().st_mode) & 0o077]
    return through(f"{open_[0].name}/ is open to other users") if open_ else held("for their owner alone")


def _admin(path: str) -> Attack:
    def run(target: Target) -> Outcome:
        bearer = f"Authorization: Bearer {target.token}"
        doors = (*_ports(target), *(door for door in target.insides if door.kind == "probes"))
        return worst([_no_admin(door, path, *fields) for door in doors for fields in ((), (bearer,))])

    return Attack(path, _ADMIN, "the admin interface, at every port, with and without a token", run)


def _ports(target: Target) -> tuple[Door, ...]:
    return (target.edge, *target.sidecars, *target.egresses)


def _no_admin(door: Door, path: str, *fields: str) -> Outcome:
    try:
        answer = wire.request(door, "GET", path, *fields)
    except OSError:
        return held(f"{door}: closed the connection")
    told = answer.status == 200 and any(word in answer.body for word in _ADMIN_WORDS)
    return through(f"{door}: {answer}, and tells") if told else held(f"{door}: {answer}")


def _stream_at_ports(target: Target) -> Outcome:
    """Ask for keys and revocations at every port, as an Envoy asks control."""
    bearer = ("authorization", f"Bearer {target.token}")
    tries = []
    for door in _ports(target):
        for headers in ((), (bearer,)):
            try:
                answer = http2.ask(door, "POST", _ADS, *_GRPC, *headers, body=_EMPTY)
            except OSError:
                answer = Answer(None)
            tries.append(_told_nothing(door, answer))
    return worst(tries)


def _told_nothing(door: Door, answer: Answer) -> Outcome:
    status = answer.header("grpc-status")
    said = f"{door}: {answer}{f', grpc-status {status}' if status else ''}"
    opened = (
        answer.status == 200
        and status in {"", "0"}
        and answer.header("content-type").startswith("application/grpc")
    )
    return through(said) if opened else held(said)


def _stream_of_a_stranger(secret: Callable[[Target], str]) -> Callable[[Target], Outcome]:
    """Ask control itself, as a program of the same user could."""

    def run(target: Target) -> Outcome:
        doors = [door for door in target.insides if door.kind == "control"]
        if not doors:
            raise CannotBeTriedError("control's socket has too long a path, or is not there")
        shown = secret(target)
        headers = (("authorization", f"Bearer {shown}"), ("x-pillion-workload", "edge")) if shown else ()

        def ask(door: Door) -> Outcome:
            # The stream is left open: who has not proved to be anybody must be told no, and nothing else.
            return _told_nothing(door, http2.ask(door, "POST", _ADS, *_GRPC, *headers, body=_EMPTY))

        return worst([_unless_refused(door, ask) for door in doors])

    return run


def _unless_refused(door: Door, ask: Callable[[Door], Outcome]) -> Outcome:
    try:
        return ask(door)
    except ssl.SSLError as error:
        return held(f"{door}: handshake refused ({(error.reason or 'closed').lower()})")


def _renewal_past_the_edge(target: Target) -> Outcome:
    """Ask identity itself, in the edge's name, for a token of somebody's session."""
    doors = [door for door in target.insides if door.kind == "identity" and door.host]
    if not doors:
        raise CannotBeTriedError("identity is at a socket, for its owner alone")
    mesh = str(jose.claims(target.token)["aud"])
    fields = (
        f"{SESSION_HEADER}: {target.browser.session}",
        f"{WORKLOAD_HEADER}: {edge_spiffe_id(mesh)}",
        f"Origin: {target.origin}",
    )

    def ask(door: Door) -> Outcome:
        return judged(wire.request(door, "POST", RENEWAL_PATH, *fields), str(door))

    return worst([_unless_refused(door, ask) for door in doors])


def _paths(name: str, tried: str, *paths: str) -> Attack:
    """Make the attack that asks the edge for what is not for our ordinary user."""

    def run(target: Target) -> Outcome:
        cookie = target.browser.cookie(target.cookies)
        return worst([_not_for_us(target, path, *fields) for path in paths for fields in ((), (cookie,))])

    return Attack(name, _EXPOSED, tried, run)


def _not_for_us(target: Target, path: str, *fields: str) -> Outcome:
    """Ask for a path; a service that takes every path answers there as it does anywhere."""
    answer = wire.request(target.edge, "GET", path, *fields)
    if answer.status in {302, 303, 404}:
        return held(str(answer))
    outcome = judged(answer)
    anywhere = wire.request(target.edge, "GET", f"/-/attack-{secrets.token_hex(8)}", *fields)
    as_anywhere = outcome.verdict is Verdict.THROUGH and answer.status == anywhere.status
    return held(f"{answer}, as anywhere") if as_anywhere else outcome


FAMILY: Final = Family(
    "control and admin",
    _control,
    (
        Attack(
            "listeners nobody knows",
            _EXPOSED,
            "the ports that the mesh's processes listen at",
            _unknown_listeners,
        ),
        Attack(
            "sockets of the insides",
            "CWE-732",
            "the sockets of control, identity and the admin interfaces, as another user",
            _private,
        ),
        *(
            _admin(path)
            for path in ("/config_dump", "/server_info", "/certs", "/clusters", "/stats", "/stats/prometheus")
        ),
        Attack(
            "control's stream at every port",
            _STREAM,
            "the call by which Envoys are told keys",
            _stream_at_ports,
        ),
        Attack(
            "control's stream without a proof",
            _STREAM,
            "the same at control itself",
            _stream_of_a_stranger(lambda _: ""),
        ),
        Attack(
            "control's stream with a made-up proof",
            _STREAM,
            "the same, with 64 digits",
            _stream_of_a_stranger(lambda _: "0" * 64),
        ),
        Attack(
            "control's stream with a user's token",
            _STREAM,
            "the same, with a good token",
            _stream_of_a_stranger(lambda t: t.token),
        ),
        Attack(
            "identity past the edge",
            "CWE-290; CWE-441",
            "a session's renewal, with the stolen certificate of a service, in the edge's name",
            _renewal_past_the_edge,
        ),
        _paths(
            "identity's own paths",
            "what identity answers to the edge alone",
            "/-/health",
            "/-/ready",
            "/-/revoked",
        ),
        _paths(
            "the operators' admin",
            "the admin, as an ordinary user",
            "/pillion/admin/",
            "/pillion/admin/identity/user/",
        ),
        _paths(
            "the local mailbox",
            "everybody's mail, without the key",
            "/pillion/mail",
            "/pillion/mail?key=",
            "/pillion/mail?key=0&letter=1",
        ),
    ),
)
