"""Direct calls to sidecars, past the edge: a place in the network proves nothing."""

import datetime as dt
import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pillion.attack import http2, jose, people, wire
from pillion.attack.judge import judged, let_in
from pillion.attack.outcome import Attack, CannotBeTriedError, Family, Outcome, held, worst
from pillion.attack.target import Door, Target
from pillion.attack.wire import Answer
from pillion.vocabulary import EMAIL_HEADER, ROLES_HEADER, USER_HEADER, edge_spiffe_id, spiffe_id

_DIRECT: Final = "NIST SP 800-207, section 2.1; CWE-306"
_PEER: Final = "SPIFFE X509-SVID, section 5; CWE-295"
_CANARY: Final = "attack-canary@pillion.invalid"
_NOWHERE: Final = "/attack-nothing"

Ask = Callable[[Target, Door, str, str], Answer]


def _control(target: Target) -> str | None:
    """Knock with a good token as a peer; where no sidecar is asked for that, at the edge."""
    bearer = f"Authorization: Bearer {target.token}"
    return let_in(wire.request(target.sidecar or target.edge, "GET", target.places.protected.path, bearer))


def _knock(target: Target, name: str) -> tuple[str, str] | None:
    """Find a request that a sidecar lets in with a good token of its peer's, and refuses without."""
    if name == target.places.protected.service:
        return "GET", target.places.protected.path
    bearer = f"Authorization: Bearer {target.token}"
    for door in (door for door in target.peers if door.name == name):
        for method in ("GET", "PUT"):
            good, none = wire.request(door, method, _NOWHERE, bearer), wire.request(door, method, _NOWHERE)
            if let_in(good) is None and let_in(none) is not None:
                return method, _NOWHERE
    return None  # everything is open there, by the user's own word


def _attack(
    name: str, reference: str, tried: str, whose: Callable[[Target], tuple[Door, ...]], ask: Ask
) -> Attack:
    def run(target: Target) -> Outcome:
        knocks = [(door, _knock(target, door.name)) for door in whose(target)]
        tries = [_at(target, door, ask, *knock) for door, knock in knocks if knock is not None]
        if not tries:
            raise CannotBeTriedError("there is no such sidecar that asks for a token")
        return worst(tries)

    return Attack(name, reference, tried, run)


def _at(target: Target, door: Door, ask: Ask, *knock: str) -> Outcome:
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
    peer = f"By={spiffe_id(str(mesh), door.name)};URI={edge_spiffe_id(str(mesh))}"
    fields = (f"x-forwarded-client-cert: {peer}", f"{USER_HEADER}: {_CANARY}", "x-envoy-internal: true")
    return wire.request(door, method, path, f"Host: {target.edge.authority}", *fields)


def _by_http2(_: Target, door: Door, method: str, path: str) -> Answer:
    return http2.ask(door, method, path, (USER_HEADER, _CANARY))


def _good_token(target: Target, door: Door, method: str, path: str) -> Answer:
    return wire.request(door, method, path, f"Authorization: Bearer {target.token}")


def _without_a_certificate(target: Target, door: Door, method: str, path: str) -> Answer:
    return _good_token(target, door.by_tls(careless()), method, path)


def _with_a_certificate_of_our_own(target: Target, door: Door, method: str, path: str) -> Answer:
    mesh = str(jose.claims(target.token)["aud"])
    with self_signed(edge_spiffe_id(mesh)) as file:
        context = careless()
        context.load_cert_chain(file)
        return _good_token(target, door.by_tls(context), method, path)


def careless() -> ssl.SSLContext:
    """Speak TLS to whoever it is, and show nothing: we are the attacker."""
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


def _strangers(target: Target) -> tuple[Door, ...]:
    return target.sidecars


def _peers(target: Target) -> tuple[Door, ...]:
    return target.peers


def _intruders(target: Target) -> tuple[Door, ...]:
    return target.intruders


_CLAIMED: Final = (
    f"{USER_HEADER}: {_CANARY}",
    f"{EMAIL_HEADER}: {_CANARY}",
    f"{ROLES_HEADER}: manager,admin",
)
_OTHER: Final = "RFC 9068, section 4"
FAMILY: Final = Family(
    "direct calls to sidecars",
    _control,
    (
        _attack("without TLS", _PEER, "a good token, past the edge", _strangers, _good_token),
        _attack("without a certificate", _PEER, "a good token, by TLS", _strangers, _without_a_certificate),
        _attack(
            "with a certificate of our own",
            _PEER,
            "the edge's name in a certificate that we made, and a good token",
            _strangers,
            _with_a_certificate_of_our_own,
        ),
        _attack(
            "without TLS, as the edge",
            "CWE-290",
            "what the edge might add, and its name",
            _strangers,
            _as_the_edge,
        ),
        _attack("without TLS, by HTTP/2", _PEER, "the same by HTTP/2", _strangers, _by_http2),
        _attack(
            "as another workload",
            "SPIFFE; CWE-285",
            "a stolen certificate of one that may not call, and a good token",
            _intruders,
            _good_token,
        ),
        _attack(
            "as its peer, without a token",
            _DIRECT,
            "a stolen certificate of one that may call",
            _peers,
            _with(),
        ),
        _attack(
            "as its peer, with identity headers",
            "CWE-290",
            "that, and the headers that a sidecar sets",
            _peers,
            _with(*_CLAIMED),
        ),
        _attack("as its peer, by HTTP/2", _DIRECT, "that, by HTTP/2", _peers, _by_http2),
        _attack(
            "as its peer, with a forged token",
            "CWE-347",
            "that, and a token by a key of our own",
            _peers,
            _forged,
        ),
        _attack(
            "as its peer, with a token for another audience",
            _OTHER,
            "that, and a token that is not for the mesh",
            _peers,
            _for_another,
        ),
        _attack(
            "as its peer, with a browser's cookies",
            _DIRECT,
            "that, and cookies, which only the edge reads",
            _peers,
            _by_cookie,
        ),
    ),
)
