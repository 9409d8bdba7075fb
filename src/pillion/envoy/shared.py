"""Messages that stand in the files of many Envoys: made once for the same words, and written once.

Most of what a thousand Envoys are told is the same. Nobody may change such a message: what differs is a copy.
"""

import weakref
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, Final, ParamSpec, TypeVar, cast

import betterproto2

from pillion.yaml_writer import Kept

# Room for what each service of a large mesh has one of, such as the way to it.
_MANY: Final = 4096
# What they are in YAML, None before somebody asks; by their identity, since messages have no hash.
_written: Final[dict[int, Kept | None]] = {}

_P = ParamSpec("_P")
_M = TypeVar("_M", bound=betterproto2.Message)


def shared(make: Callable[_P, _M]) -> Callable[_P, _M]:
    """Have a function give the same message for the same arguments."""

    @wraps(make)
    def made(*args: _P.args, **named: _P.kwargs) -> _M:
        return constant(make(*args, **named))

    # mypy forgets at lru_cache which arguments there are.
    return cast("Callable[_P, _M]", lru_cache(maxsize=_MANY)(made))


def constant(message: _M) -> _M:
    """Have `plain` work out once what a message is, which must not change from then on."""
    _written[id(message)] = None
    # Before anything else can have its identity.
    weakref.finalize(message, _written.pop, id(message)).atexit = False
    return message


def copied(message: _M) -> _M:
    """Copy a message, so that its fields can be set to something else; what stands in them is the same.

    Its constructor would look at each field anew, which takes a hundred times as long.
    """
    made = object.__new__(type(message))
    vars(made).update(vars(message))
    return made


def once(message: _M, write: Callable[[_M], dict[str, Any]]) -> dict[str, Any]:
    """Give what `write` gives of a message; of one that is shared the same object each time."""
    identity = id(message)
    if identity not in _written:
        return write(message)
    kept = _written[identity]
    if kept is None:
        kept = _written[identity] = Kept(write(message))
    return kept
