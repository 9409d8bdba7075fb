"""What a users service says of a person, read strictly: whatever does not fit is no answer at all."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pillion.identity import email_address
from pillion.identity.accounts import MOST_ROLE_CHARACTERS
from pillion.vocabulary import OWN_ROLES, ROLE


class AnswerError(ValueError):
    """The answer does not keep to the contract; the message says where, without repeating it."""


def _id(value: str) -> str:
    if not value.isprintable():
        raise ValueError("holds characters that cannot be printed")
    return value


def _roles(value: list[str]) -> list[str]:
    if not all(map(ROLE.fullmatch, value)):
        raise ValueError(f"are names like 'manager' ({ROLE.pattern})")
    if any(role.startswith(OWN_ROLES) for role in value):
        raise ValueError(f"hold one of Pillion's own ({OWN_ROLES}…), which 'pillion user roles' gives")
    if sum(map(len, set(value))) > MOST_ROLE_CHARACTERS:
        raise ValueError(f"have {MOST_ROLE_CHARACTERS} characters in all at most")
    return sorted(set(value))


class Person(BaseModel):
    """Who it is. `sub` is the service's own name for them, which never goes to somebody else."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)

    sub: Annotated[str, AfterValidator(_id)] | None = Field(default=None, min_length=1, max_length=255)
    email: Annotated[str, AfterValidator(email_address.parse)]
    email_verified: bool = False
    roles: Annotated[list[str], AfterValidator(_roles)] = []

    @property
    def service_id(self) -> str:
        """What the account is linked by: without a `sub`, the address."""
        return by_address(self.email) if self.sub is None else f"id:{self.sub}"


def by_address(email: str) -> str:
    """Give the link to a person of whom the service says no `sub`."""
    return f"email:{email}"


def read(body: bytes) -> Person:
    """Read the body of an answer; raises AnswerError."""
    try:
        return Person.model_validate_json(body)
    except ValidationError as error:
        first: Any = error.errors(include_url=False, include_input=False, include_context=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise AnswerError(f"{key}: {first['msg']}" if key else str(first["msg"])) from None
