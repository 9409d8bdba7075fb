"""What attacks by a token share: where a token is shown, and what shows that a good one is let in there."""

from collections.abc import Callable, Iterable

from pillion.attack import wire
from pillion.attack.judge import judged, let_in
from pillion.attack.outcome import Attack, Outcome, worst
from pillion.attack.target import Target
from pillion.attack.wire import Answer

Forge = Callable[[Target], str]


def good_token(target: Target) -> str | None:
    """Show the good token at every place where the forged ones are shown: the control of these families."""
    wrong = [let_in(answer) for _, answer in _shown(target, target.token)]
    return next(filter(None, wrong), None)


def alive(target: Target) -> str | None:
    """Show the good token once: the mesh still lets in whom it should."""
    return let_in(next(iter(_shown(target, target.token)))[1])


def refused(target: Target, token: str) -> Outcome:
    """Show a token that must be refused: in `Authorization`, as the cookie, and past the edge at the sidecar."""
    return worst([judged(answer, where) for where, answer in _shown(target, token)])


def by_token(name: str, reference: str, tried: str, forge: Forge) -> Attack:
    """Make the attack that shows the token which `forge` writes."""
    return Attack(name, reference, tried, lambda target: refused(target, forge(target)))


def _shown(target: Target, token: str) -> Iterable[tuple[str, Answer]]:
    path = target.places.protected.path
    bearer = f"Authorization: Bearer {token}"
    yield "edge", wire.request(target.edge, "GET", path, bearer)
    cookie = f"Cookie: {target.cookies.token}={token}"
    yield "edge, by cookie", wire.request(target.edge, "GET", path, cookie)
    if target.sidecar is not None:
        yield "sidecar", wire.request(target.sidecar, "GET", path, bearer)
