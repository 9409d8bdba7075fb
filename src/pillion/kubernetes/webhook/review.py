"""What the API server sends and gets: AdmissionReview, version v1, about pods."""

import base64
import json
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pillion.kubernetes.inject.remark import Remark
from pillion.kubernetes.webhook.decide import Verdict

_VERSION: Final = "admission.k8s.io/v1"
_KIND: Final = "AdmissionReview"
# As much as the API server passes on of each.
_LONGEST_WARNING: Final = 256
_LONGEST_REFUSAL: Final = 4096


# By these a pod's labels or containers can change. `pods/resize` is not one of them: of what comes there the API
# server takes resources alone, which are the cluster's to say.
Subresource = Literal["", "ephemeralcontainers", "status"]


class BadReviewError(Exception):
    """What came is no review that can be answered; the message says why."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _PodKind(_Part):
    group: Literal[""]
    version: Literal["v1"]
    kind: Literal["Pod"]


class _Pods(_Part):
    group: Literal[""]
    version: Literal["v1"]
    resource: Literal["pods"]


class _User(_Part):
    username: str = ""


class Request(_Part):
    """One request about a pod; `before` is the pod as it was, in an update."""

    uid: str = Field(min_length=1)
    kind: _PodKind
    resource: _Pods
    subresource: Subresource = Field("", alias="subResource")
    name: str = ""
    namespace: str
    operation: Literal["CREATE", "UPDATE"]
    user: _User = Field(_User(), alias="userInfo")
    pod: dict[str, Any] = Field(alias="object")
    before: dict[str, Any] | None = Field(None, alias="oldObject")


class _Review(_Part):
    version: Literal["admission.k8s.io/v1"] = Field(alias="apiVersion")
    kind: Literal["AdmissionReview"]
    request: Request


def read(body: bytes) -> Request:
    """Read a review's request; raises BadReviewError."""
    try:
        request = _Review.model_validate(json.loads(body)).request
    except (ValueError, RecursionError) as error:
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False, include_input=False)[0]
            raise BadReviewError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        raise BadReviewError("the body is not JSON") from None
    if request.operation == "UPDATE" and request.before is None:
        raise BadReviewError("request.oldObject: is missing in an update")
    return request


def answer(request: Request, verdict: Verdict) -> bytes:
    """Write the review that answers the request."""
    response: dict[str, Any] = {"uid": request.uid, "allowed": not verdict.refused}
    if verdict.refused:
        reason = "; ".join(map(str, verdict.refused))[:_LONGEST_REFUSAL]
        response["status"] = {"code": 403, "reason": "Forbidden", "message": f"pillion: {reason}"}
    elif verdict.patch:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(json.dumps(verdict.patch).encode()).decode()
    if verdict.warnings:
        response["warnings"] = [_warning(remark) for remark in verdict.warnings]
    return json.dumps({"apiVersion": _VERSION, "kind": _KIND, "response": response}).encode()


def _warning(remark: Remark) -> str:
    text = f"pillion: {remark}"
    return text if len(text) <= _LONGEST_WARNING else f"{text[: _LONGEST_WARNING - 1]}…"


def failure(code: int, message: str) -> bytes:
    """Say what is wrong with a request in the form that the API server reads (metav1.Status)."""
    status = {"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "message": message}
    return json.dumps(status).encode()
