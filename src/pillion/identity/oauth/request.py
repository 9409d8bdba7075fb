"""A request as Authlib wants to see it, made of Django's."""

from collections import defaultdict
from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Payload, OAuth2Request
from django.http import HttpRequest

from pillion.identity.oauth import parameters
from pillion.identity.oauth.parameters import Parameters


class Payload(OAuth2Payload):  # type: ignore[misc]
    """The parameters."""

    def __init__(self, found: Parameters) -> None:
        self._data = {name: values[0] for name, values in found.items()}
        self._lists = defaultdict(list, found)

    @property
    def data(self) -> dict[str, str]:
        """Give each parameter's first value."""
        return self._data

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        """Give all values."""
        return self._lists


class Request(OAuth2Request):  # type: ignore[misc]
    """One request: what Authlib reads of it, and the Django request that it was."""

    def __init__(self, request: HttpRequest, found: Parameters) -> None:
        # Authlib refuses what is not https; whether it has to be is decided where the topology's origin is read.
        super().__init__(request.method, "https://edge/", headers=request.headers)
        self.payload = Payload(found)
        self.django = request

    @property
    def form(self) -> dict[str, str]:
        """Give the parameters: those of the body alone, at the endpoints for which Authlib asks."""
        data: dict[str, str] = self.payload.data
        return data


def posted(request: HttpRequest) -> Request:
    """Read a request of a program; raises InvalidRequestError."""
    return Request(request, parameters.of_body(request))


def text(request: Any, name: str) -> str:
    """Give a parameter, or nothing."""
    return str(request.payload.data.get(name, ""))
