"""Looks at the mesh as anybody could: which paths ask for a token, and where the answer says who is calling."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pillion.attack import jose, wire
from pillion.attack.judge import let_in
from pillion.attack.target import Door, Place, Places
from pillion.attack.wire import Answer
from pillion.vocabulary import ME_PATH

_ME: Final = Place(ME_PATH)
_KEYS: Final = Place("/.well-known/jwks.json")


@dataclass(frozen=True)
class _Seen:
    place: Place
    anyone: Answer
    user: Answer

    @property
    def asks(self) -> bool:
        return self.anyone.status == 401 and let_in(self.user) is None

    @property
    def is_open(self) -> bool:
        return _is_fine(self.anyone)

    @property
    def refuses_us(self) -> bool:
        return self.user.status == 403


def look(edge: Door, token: str, candidates: Iterable[Place]) -> Places:
    """Find the places that the attacks need; `/me` and the public keys are there in every mesh."""
    seen = [_look(edge, token, place) for place in (*candidates, _ME, _KEYS)]
    # A place that answers well shows more than one that says that there is nothing.
    asking = sorted((one for one in seen if one.asks), key=lambda one: not _is_fine(one.user))
    asking = [one for one in asking if one.place.service] or asking
    protected = asking[0].place
    open_ = [one.place for one in seen if one.is_open]
    telling = [one for one in seen if _tells(one, token)]
    return Places(
        protected=protected,
        open=min(open_, key=lambda place: (place.service != protected.service, not place.service)),
        guarded=next((one.place for one in seen if one.refuses_us), None),
        telling=next((one.place for one in telling), None),
        telling_openly=next((one.place for one in telling if one.is_open), None),
    )


def _look(edge: Door, token: str, place: Place) -> _Seen:
    anyone = wire.request(edge, "GET", place.path)
    return _Seen(place, anyone, wire.request(edge, "GET", place.path, f"Authorization: Bearer {token}"))


def _is_fine(answer: Answer) -> bool:
    return answer.status is not None and 200 <= answer.status < 300


def _tells(one: _Seen, token: str) -> bool:
    """Say whether the answer changes with who is calling, and names them."""
    claims = jose.claims(token)
    words = [str(claims[name]).encode() for name in ("sub", "email") if claims.get(name)]
    return any(word in one.user.body and word not in one.anyone.body for word in words)
