"""A weak mesh that runs, as the target of attacks."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from pillion.attack import jose, people
from pillion.attack.bait import listening
from pillion.attack.families.sidecars import self_signed
from pillion.attack.target import Account, Client, Door, Place, Places, Target
from pillion.vocabulary import cookies
from tests.attack.weak.gateway import GUARDED, OPEN, PROTECTED, Gateway
from tests.attack.weak.server import serving
from tests.attack.weak.tokens import Verifier

USER = Account("user@pillion.invalid", "a password")
OTHER = Account("other@pillion.invalid", "another password")
LEAVER = Account("leaver@pillion.invalid", "a third password")


@contextmanager
def running(folder: Path, *, blind: bool, forgetful: bool = True) -> Iterator[Target]:
    """Run a weak gateway, and weak insides beside it, until the block ends."""
    key = rsa.generate_private_key(65537, 2048)
    jwk = jose.public_jwk(key, kid="6f2f", alg="RS256", use="sig")
    with ExitStack() as stack:
        bait = stack.enter_context(listening())
        gateway = Gateway(
            Verifier(key, jwk, blind), "https://weak.invalid", f"{bait.url}/logout", forgetful=forgetful
        )
        gateway.accounts.update({one.email: one.password for one in (USER, OTHER, LEAVER)})
        certificate = stack.enter_context(self_signed("spiffe://mesh/service/things"))
        port = stack.enter_context(serving(gateway.answer))
        inside = stack.enter_context(serving(gateway.careless, certificate))
        stack.enter_context(serving(gateway.careless, at=folder / "control.sock"))
        folder.chmod(0o755)
        edge = Door("edge", "edge", "127.0.0.1", port, authority="weak.invalid")
        names = cookies(secure=False)
        browser, attacker = (
            people.signed_in(people.try_to_sign_in(edge, one), names) for one in (USER, OTHER)
        )
        assert browser is not None
        assert attacker is not None
        sidecar = Door("things", "sidecar", "127.0.0.1", inside)
        yield Target(
            origin="https://weak.invalid",
            edge=edge,
            sidecars=(sidecar,),
            peers=(sidecar,),
            intruders=(sidecar,),
            egresses=(Door("things", "egress", "127.0.0.1", inside),),
            services=(Door("things", "service", "127.0.0.1", inside),),
            apart=(),
            insides=(
                Door("control", "control", path=str(folder / "control.sock")),
                Door("identity", "identity", "127.0.0.1", inside),
            ),
            strays=("control at 0.0.0.0:15000",),
            calls=frozenset({("things", "stock")}),
            cookies=names,
            places=Places(
                protected=Place(PROTECTED, "things"),
                open=Place(OPEN, "things"),
                guarded=Place(GUARDED, "things"),
                telling=Place(PROTECTED, "things"),
                telling_openly=Place(OPEN, "things"),
            ),
            key=jwk,
            user=USER,
            other=OTHER,
            leaver=LEAVER,
            client=Client(
                "client", "a secret of the client's", f"{bait.url}/callback", "https://other.invalid"
            ),
            token=gateway.issued(USER.email),
            browser=browser,
            attacker=attacker,
            expired=gateway.issued(USER.email, exp=int(time.time()) - 60),
            bait=bait,
            walls=(sidecar,),
            gates=(sidecar,),
            elsewhere="127.0.0.1",
            isolated=True,
            spread_seconds=0.1,
        )


def with_edge(target: Target, port: int) -> Target:
    """Put another edge in front."""
    return replace(target, edge=replace(target.edge, port=port))
