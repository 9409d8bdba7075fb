"""A good token in the wrong place: what is taken from there ends up in logs, histories and other sites' hands."""

from collections.abc import Callable
from typing import Final

from pillion.attack import wire
from pillion.attack.judge import judged, let_in
from pillion.attack.outcome import Attack, Family, Outcome
from pillion.attack.target import Target
from pillion.attack.wire import Answer

_QUERY: Final = "RFC 6750, section 5.3; CWE-598"
_BODY: Final = "RFC 9700, section 4.3.2; CWE-598"
_OTHER: Final = "RFC 6750, section 2.1"
_FORM: Final = "Content-Type: application/x-www-form-urlencoded"


def _control(target: Target) -> str | None:
    field = f"Authorization: Bearer {target.token}"
    return let_in(wire.request(target.edge, "GET", target.places.protected.path, field))


def _attack(name: str, reference: str, ask: Callable[[Target], Answer]) -> Attack:
    def run(target: Target) -> Outcome:
        return judged(ask(target))

    return Attack(name, reference, "a good token there, and nowhere else", run)


def _in_query(name: str) -> Callable[[Target], Answer]:
    return lambda target: wire.request(
        target.edge, "GET", f"{target.places.protected.path}?{name}={target.token}"
    )


def _in_field(template: str) -> Callable[[Target], Answer]:
    return lambda target: wire.request(
        target.edge, "GET", target.places.protected.path, template.replace("TOKEN", target.token)
    )


def _in_body(method: str) -> Callable[[Target], Answer]:
    return lambda target: wire.request(
        target.edge, method, target.places.protected.path, _FORM, body=f"access_token={target.token}".encode()
    )


def _in_path(target: Target) -> Answer:
    return wire.request(target.edge, "GET", f"{target.places.protected.path}/{target.token}")


FAMILY: Final = Family(
    "token in the wrong place",
    _control,
    (
        *(
            _attack(f"?{name}=", _QUERY, _in_query(name))
            for name in ("access_token", "token", "jwt", "authorization")
        ),
        _attack("in the path", _QUERY, _in_path),
        _attack("in a form", _BODY, _in_body("POST")),
        _attack("in the form of a GET", _BODY, _in_body("GET")),
        *(
            _attack(f"in {name}", _OTHER, _in_field(field))
            for name, field in (
                ("a cookie 'token'", "Cookie: token=TOKEN"),
                ("a cookie 'access_token'", "Cookie: access_token=TOKEN"),
                ("a cookie 'Authorization'", "Cookie: Authorization=Bearer TOKEN"),
                ("Proxy-Authorization", "Proxy-Authorization: Bearer TOKEN"),
                ("X-Authorization", "X-Authorization: Bearer TOKEN"),
                ("X-Access-Token", "X-Access-Token: TOKEN"),
                ("X-Forwarded-Access-Token", "X-Forwarded-Access-Token: TOKEN"),
                ("Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: bearer, TOKEN"),
            )
        ),
    ),
)
