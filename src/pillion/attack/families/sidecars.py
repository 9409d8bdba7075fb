"""Direct calls to sidecars, past the edge: a place in the network proves nothing."""

import datetime as dt
import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pillion.attack import http2, jose, people, wire
from pillion.attack.judge import judged, let_in
from pillion.attack.outcome import Attack, CannotBeTriedError, Family, Outcome, Verdict, held, known, worst
from pillion.attack.target import Door, Target
from pillion.attack.wire import Answer
from pillion.vocabulary import EMAIL_HEADER, ROLES_HEADER, SPIFFE, USER_HEADER, spiffe_id

_DIRECT: Final = "NIST SP 800-207, section 2.1; CWE-306"
_PEER: Final = "SPIFFE X509-SVID, section 5; CWE-295"
_CANARY: Final = "attack-canary@pillion.invalid"
_NOWHERE: Final = "/attack-nothing"

Ask = Callable[[Target, Door, str, str], Answer]


def _control(target: Target) -> str | None:
    """Knock with a good token: where sidecars talk to peers alone, through the edge."""
    bearer = f"Authorization: Bearer {target.token}"
    doors = [target.edge] if target.mutual_tls or target.sidecar is None else [target.sidecar]
    return let_in(wire.request(doors[0], "GET", target.places.protected.path, bearer))


def _knock(target: Target, door: Door) -> tuple[str, str] | None:
    """Find a request that this sidecar lets in with a good token, and refuses without."""
    own = [("GET", target.places.protected.path)] if door.name == target.places.protected.service else []
    asked = (*own, ("GET", _NOWHERE), ("PUT", _NOWHERE))
    if target.mutual_tls:
        return asked[0]
    bearer = f"Authorization: Bearer {target.token}"
    for method, path in asked:
        good, none = wire.request(door, method, path, bearer), wire.request(door, method, path)
        if let_in(good) is None and let_in(none) is not None:
            return method, path
    return None


def _attack(name: str, reference: str, tried: str, ask: Ask) -> Attack:
    def run(target: Target) -> Outcome:
        found = [_at(target, door, ask) for door in target.sidecars]
        tries = [outcome for outcome in found if outcome is not None]
        if not tries:
            raise CannotBeTriedError("no sidecar asks for a token")
        return worst(tries)

    return Attack(name, reference, tried, run)


def _at(target: Target, door: Door, ask: Ask) -> Outcome | None:
    knock = _knock(target, door)
    if knock is None:
        return None  # everything is open there, by the user's own word
    try:
        return judged(ask(target, door, *knock), door.name)
    except ssl.SSLError as error:
        return held(f"{door.name}: handshake refused ({(error.reason or 'closed').lower()})")
    except (ConnectionError, TimeoutError):
        return held(f"{door.name}: closed the connection")


def _with(*fields: str) -> Ask:
    return lambda _, door, method, path: wire.request(door, method, path, *fields)


def _forged(target: Target, door: Door, method: str, path: str) -> Answer:
    token = jose.signed(jose.header(target.token), jose.fresh(target.token))
    return wire.request(door, method, path, f"Authorization: Bearer {token}")


def _for_another(target: Target, door: Door, method: str, path: str) -> Answer:
    token = people.client_token(target, target.client.audience)
    return wire.request(door, method, path, f"Authorization: Bearer {token}")


def _by_cookie(target: Target, door: Door, method: str, path: str) -> Answer:
    return wire.request(door, method, path, target.browser.cookie(target.cookies))


def _as_the_edge(target: Target, door: Door, method: str, path: str) -> Answer:
    mesh = jose.claims(target.token)["aud"]
    peer = f"By={spiffe_id(str(mesh), door.name)};URI={SPIFFE}://{mesh}/edge"
    fields = (f"x-forwarded-client-cert: {peer}", f"{USER_HEADER}: {_CANARY}", "x-envoy-internal: true")
    return wire.request(door, method, path, f"Host: {target.edge.authority}", *fields)


def _by_http2(_: Target, door: Door, method: str, path: str) -> Answer:
    return http2.ask(door, method, path, (USER_HEADER, _CANARY))


def _without_a_certificate(_: Target, door: Door, method: str, path: str) -> Answer:
    return wire.request(replace(door, tls=_careless()), method, path, f"{USER_HEADER}: {_CANARY}")


def _with_a_certificate_of_our_own(target: Target, door: Door, method: str, path: str) -> Answer:
    mesh = str(jose.claims(target.token)["aud"])
    with self_signed(f"{SPIFFE}://{mesh}/edge") as file:
        context = _careless()
        context.load_cert_chain(file)
        return wire.request(replace(door, tls=context), method, path, f"Authorization: Bearer {target.token}")


def _good_token(target: Target) -> Outcome:
    """Show a stolen token past the edge: only mutual TLS tells a sidecar's peers from others."""
    bearer = f"Authorization: Bearer {target.token}"
    found = [
        _at(target, door, lambda _, at, *asked: wire.request(at, *asked, bearer)) for door in target.sidecars
    ]
    tries = [outcome for outcome in found if outcome is not None]
    if not tries:
        raise CannotBeTriedError("no sidecar asks for a token")
    outcome = worst(tries)
    if outcome.verdict is Verdict.THROUGH and not target.mutual_tls:
        return known(f"{outcome.answered}: sidecars do not ask who the peer is here")
    return outcome


def _careless() -> ssl.SSLContext:
    """Speak TLS to whoever it is: we are the attacker."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def self_signed(uri: str) -> Iterator[Path]:
    """Give a file with a certificate of our own making, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "attack")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "own.pem"
        file.touch(mode=0o600)
        file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
        yield file


FAMILY: Final = Family(
    "direct calls to sidecars",
    _control,
    (
        _attack("without a token", _DIRECT, "a request past the edge", _with()),
        _attack(
            "with identity headers",
            "CWE-290",
            "the headers that a sidecar sets",
            _with(
                f"{USER_HEADER}: {_CANARY}", f"{EMAIL_HEADER}: {_CANARY}", f"{ROLES_HEADER}: manager,admin"
            ),
        ),
        _attack(
            "as the edge", "CWE-290", "what the edge might add, and the name of its certificate", _as_the_edge
        ),
        _attack("by HTTP/2", _DIRECT, "the same by HTTP/2", _by_http2),
        _attack("with a forged token", "CWE-347", "a token by a key of our own", _forged),
        _attack(
            "with a token for another audience",
            "RFC 9068, section 4",
            "a token that is not for the mesh",
            _for_another,
        ),
        _attack("with a browser's cookies", _DIRECT, "cookies, which the edge alone understands", _by_cookie),
        _attack(
            "by TLS without a certificate", _PEER, "a handshake that shows nothing", _without_a_certificate
        ),
        _attack(
            "by TLS with a certificate of our own",
            _PEER,
            "a certificate that we made, with the edge's name, and a good token",
            _with_a_certificate_of_our_own,
        ),
        Attack(
            "with a good token",
            "SECURITY.md; NIST SP 800-207, section 2.1",
            "a stolen token, past the edge",
            _good_token,
        ),
    ),
)
