"""The parameters of an OAuth request, read strictly: each once, and nothing that is no text."""

from collections import defaultdict
from typing import Final
from urllib.parse import parse_qsl

from authlib.oauth2.rfc6749 import InvalidRequestError
from django.http import HttpRequest

from pillion.identity.body import FORM

# Several resources may be named (RFC 8707, section 2; RFC 8693, section 2.1); anything else stands once.
_REPEATED: Final = frozenset({"resource", "audience"})
_MOST: Final = 60
# A token that is handed in is shorter, and so is everything else.
_LONGEST: Final = 8192

Parameters = dict[str, list[str]]


def of_query(request: HttpRequest) -> Parameters:
    """Read the query; raises InvalidRequestError."""
    return parse(request.META.get("QUERY_STRING", ""))


def of_body(request: HttpRequest) -> Parameters:
    """Read the body, which has to be a form (RFC 6749, section 3.2); raises InvalidRequestError."""
    charset = (request.content_params or {}).get("charset", "utf-8").lower()
    if request.content_type != FORM or charset not in {"utf-8", "utf8"}:
        raise InvalidRequestError(f"Send {FORM}, in UTF-8.")
    try:
        return parse(request.body.decode("ascii"))
    except UnicodeDecodeError:
        raise InvalidRequestError("The body is not a form.") from None


def parse(text: str) -> Parameters:
    """Read parameters as they stand in a query or a form; raises InvalidRequestError."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST)
    except ValueError:
        raise InvalidRequestError("The parameters are not a form in UTF-8.") from None
    found: defaultdict[str, list[str]] = defaultdict(list)
    seen: set[str] = set()
    for name, value in pairs:
        if name in seen and name not in _REPEATED:
            raise InvalidRequestError("A parameter is there twice.")  # RFC 6749, sections 3.1 and 3.2
        seen.add(name)
        if len(value) > _LONGEST:
            raise InvalidRequestError("A parameter is too long.")
        if not value.isprintable():  # NUL, line ends, and what nobody sees
            raise InvalidRequestError("A parameter holds characters that none may hold.")
        if value:  # one without a value counts as left out (RFC 6749, section 3.1)
            found[name].append(value)
    return dict(found)
