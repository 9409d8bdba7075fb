"""The fields of a request's body: JSON or a form, read strictly."""

import json
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

from django.http import HttpRequest

from pillion.identity.refusal import Refusal, malformed

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 50


def is_json(request: HttpRequest) -> bool:
    """Tell whether the caller sent JSON."""
    return request.content_type == JSON


def fields(request: HttpRequest, names: Iterable[str]) -> dict[str, str]:
    """Read those of `names` that the body of a request holds; see `read`."""
    return read(request, request.body, names)


def read(request: HttpRequest, content: bytes, names: Iterable[str]) -> dict[str, str]:
    """Read those of `names` that `content`, the body of a request, holds; what else it holds is ignored.

    Raises Refusal: 415 for another type of body, 400 when it is malformed, names a field twice, or a value
    is not text that a database can hold.
    """
    readers: dict[str, Callable[[bytes], list[tuple[str, Any]]]] = {JSON: _read_json, FORM: _read_form}
    reader = readers.get(request.content_type or "")
    charset = (request.content_params or {}).get("charset", "utf-8").lower()
    if reader is None or charset not in {"utf-8", "utf8"}:
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            f"Send {JSON} or {FORM}, in UTF-8.",
            headers={"Accept": f"{JSON}, {FORM}"},
        )
    wanted = set(names)
    found: dict[str, str] = {}
    for name, value in reader(content):
        if name not in wanted:
            continue
        if name in found:
            raise malformed(f"The field '{name}' is there twice.")
        found[name] = _text(name, value)
    return found


def _read_json(body: bytes) -> list[tuple[str, Any]]:
    try:
        pairs = json.loads(body.decode("utf-8"), object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        raise malformed("The body is not JSON.") from None
    if not isinstance(pairs, _Pairs):
        raise malformed("The body is not a JSON object.")
    return pairs


def _read_form(body: bytes) -> list[tuple[str, Any]]:
    try:
        text = body.decode("ascii")
        return list(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise malformed("The body is not a form in UTF-8.") from None


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it was written, so that a name given twice is seen."""


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise malformed(f"The field '{name}' is not text.")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell
        raise malformed(f"The field '{name}' is not valid Unicode.") from None
    if "\0" in value:
        raise malformed(f"The field '{name}' holds a NUL.")
    return value
