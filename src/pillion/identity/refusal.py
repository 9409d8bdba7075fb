"""An answer that is not what was asked for: raised anywhere below the views, said as a problem or a page."""

from collections.abc import Mapping
from http import HTTPStatus


class Refusal(Exception):  # noqa: N818 - not an error: an answer
    """A request is refused; `detail` is a sentence for the caller, `errors` speak of single fields.

    `members` are more of the problem's members, for programs (RFC 9457, section 3.2).

    `code` never changes once released. `detail` never repeats what the caller sent.
    """

    def __init__(  # noqa: PLR0913 - what an answer consists of
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        *,
        errors: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = dict(errors or {})
        self.headers = dict(headers or {})
        self.members = dict(members or {})


def problem(refusal: Refusal) -> dict[str, object]:
    """Give the refusal as a problem (RFC 9457); `errors` is an extension member, by field."""
    document: dict[str, object] = {
        "type": f"urn:pillion:problem:{refusal.code}",
        "title": refusal.status.phrase,
        "status": refusal.status.value,
        "detail": refusal.detail,
    }
    if refusal.errors:
        document["errors"] = refusal.errors
    return document | refusal.members


def too_large(limit: int) -> Refusal:
    """Refuse a body of more than `limit` bytes."""
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large", f"The body may hold {limit} bytes.")


def malformed(detail: str) -> Refusal:
    """Refuse a request that cannot be read."""
    return Refusal(HTTPStatus.BAD_REQUEST, "malformed-request", detail)


def internal_error() -> Refusal:
    """Answer for a mistake of ours, which the log tells of."""
    return Refusal(
        HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", "Something went wrong here; it is logged."
    )


def try_later(seconds: int) -> Refusal:
    """Refuse one try too many, until `seconds` from now (RFC 6585, section 4)."""
    return Refusal(
        HTTPStatus.TOO_MANY_REQUESTS,
        "too-many-tries",
        f"There were too many tries. Try again in {_in_words(seconds)}.",
        headers={"Retry-After": str(seconds)},
    )


def not_signed_in(detail: str, *, error: str = "") -> Refusal:
    """Refuse a request without a valid token (RFC 6750, section 3); no `error` when there was none at all."""
    challenge = f'Bearer error="{error}", error_description="{detail}"' if error else "Bearer"
    return Refusal(HTTPStatus.UNAUTHORIZED, "not-signed-in", detail, headers={"WWW-Authenticate": challenge})


def _in_words(seconds: int) -> str:
    if seconds < 90:  # noqa: PLR2004 - from here on minutes say it better
        return f"{seconds} second{'s' if seconds != 1 else ''}"
    return f"{-(-seconds // 60)} minutes"
