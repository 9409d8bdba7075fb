"""One ConfigMap, read and changed through the Kubernetes API as the pod's ServiceAccount.

https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/, "Directly accessing the REST API"; merge
patches: RFC 7396. The API is not reached through a proxy, and no redirect of it is followed.
"""

import asyncio
import json
import logging
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from pillion.control.config import ConfigMap

HOST_VARIABLE: Final = "KUBERNETES_SERVICE_HOST"
PORT_VARIABLE: Final = "KUBERNETES_SERVICE_PORT"
# For one answer.
ANSWER_SECONDS: Final = 10

# Its name in `metadata.managedFields`, so that `kubectl get -o yaml --show-managed-fields` tells who wrote.
_MANAGER: Final = "pillion-control"
_TOKEN: Final = re.compile(r"[!-~]+")

logging.getLogger("httpx").setLevel(logging.WARNING)  # it says of every request that there was one


class ApiError(Exception):
    """It could not be done; the message says why. The API may say after how many seconds to try again."""

    def __init__(self, why: str, again_after: float = 0.0) -> None:
        super().__init__(why)
        self.again_after = again_after


class ConflictError(ApiError):
    """Somebody else has changed it meanwhile."""


@dataclass(frozen=True)
class Content:
    """What is in it; `version` (`metadata.resourceVersion`) tells this state from all others."""

    data: Mapping[str, str]
    version: str | None


class Api:
    """The way to the ConfigMap `which`. Token and authority are read each time: the kubelet replaces them."""

    def __init__(self, which: ConfigMap, environ: Mapping[str, str]) -> None:
        host, port = environ.get(HOST_VARIABLE, ""), environ.get(PORT_VARIABLE, "443")
        self._which = which
        self._account = which.account
        self._missing = "" if host else f"{HOST_VARIABLE} is not set: control does not run in a pod"
        authority = f"[{host}]" if ":" in host else host
        self._url = (
            f"https://{authority}:{port}/api/v1/namespaces/{which.namespace}/configmaps/{which.config_map}"
        )

    async def read(self) -> Content:
        """Read it; raises ApiError."""
        return _content(await self._ask("GET", self._url))

    async def change(self, data: Mapping[str, str | None], version: str | None) -> Content:
        """Change these keys of the state `version`, or remove them (None); gives what is there then.

        Raises ApiError.
        """
        patch: dict[str, Any] = {"data": dict(data)}
        if version is not None:  # then it is refused if there is a newer state
            patch["metadata"] = {"resourceVersion": version}
        return _content(await self._ask("PATCH", f"{self._url}?fieldManager={_MANAGER}", patch))

    async def _ask(self, method: str, url: str, patch: Mapping[str, Any] | None = None) -> httpx.Response:
        if self._missing:
            raise ApiError(self._missing)
        try:
            headers = {"accept": "application/json", "authorization": f"Bearer {self._token()}"}
            if patch is not None:
                headers["content-type"] = "application/merge-patch+json"
            trusted = ssl.create_default_context(cafile=str(self._account / "ca.crt"))
            async with (
                asyncio.timeout(ANSWER_SECONDS),
                httpx.AsyncClient(verify=trusted, timeout=ANSWER_SECONDS, trust_env=False) as client,
            ):
                body = None if patch is None else json.dumps(patch).encode()
                answer = await client.request(method, url, headers=headers, content=body)
        except (TimeoutError, httpx.TimeoutException):
            raise ApiError(f"the API does not answer within {ANSWER_SECONDS} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise ApiError(f"the API cannot be asked: {str(error) or type(error).__name__}") from None
        if answer.status_code != httpx.codes.OK:
            raise self._refused(method, answer)
        return answer

    def _token(self) -> str:
        token = (self._account / "token").read_text(encoding="ascii").strip()
        if not _TOKEN.fullmatch(token):  # what is said of a header that is none would repeat it
            raise ApiError(f"{self._account / 'token'} holds no token")
        return token

    def _refused(self, method: str, answer: httpx.Response) -> ApiError:
        where = f"ConfigMap {self._which.config_map} in the namespace {self._which.namespace}"
        match answer.status_code:
            case httpx.codes.UNAUTHORIZED:
                return ApiError(f"the API does not take the token in {self._account} (401)")
            case httpx.codes.FORBIDDEN:
                return ApiError(
                    f"control may not {method} {where} (403): its Role has to allow get and patch"
                )
            case httpx.codes.NOT_FOUND:
                return ApiError(f"there is no {where} (404): apply the manifests")
            case httpx.codes.CONFLICT:
                return ConflictError(f"{where} has been changed meanwhile (409)")
            case status:
                return ApiError(f"the API answers {status}", _seconds(answer.headers.get("retry-after", "")))


def _content(answer: httpx.Response) -> Content:
    try:
        read = answer.json()
        data = read.get("data") or {}
        version = read["metadata"].get("resourceVersion")
        return Content({str(key): str(value) for key, value in data.items()}, version)
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        raise ApiError("the API answers with something else than a ConfigMap") from None


def _seconds(retry_after: str) -> float:
    """Read how long to wait (RFC 9110, section 10.2.3; the API says it in seconds)."""
    return float(retry_after) if retry_after.isdecimal() and len(retry_after) < 6 else 0.0  # noqa: PLR2004
