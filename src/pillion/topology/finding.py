"""One mistake found in the topology, said by the path of its key; the source turns the path into a place."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

# The way from the top of the file to a value: ("services", "orders", "calls", 0).
KeyPath: TypeAlias = tuple[str | int, ...]

# Every kind of mistake. A code never changes once released: it names its cases in tests/topology/cases and
# its heading in docs/problems.md, and a test holds all three together.
Code: TypeAlias = Literal[
    # the file
    "file-not-found",
    "file-unreadable",
    "file-too-large",
    "file-not-utf8",
    # YAML
    "yaml-syntax",
    "several-documents",
    "tag-not-allowed",
    "alias-loop",
    "too-many-values",
    "nested-too-deeply",
    "bad-character",
    "empty-file",
    # keys and shapes
    "bad-key",
    "unknown-key",
    "duplicate-key",
    "missing-key",
    "wrong-type",
    "empty-value",
    "empty-list",
    "duplicate-item",
    "no-services",
    # the environment
    "bad-variable",
    "missing-variable",
    # single values
    "bad-name",
    "reserved-name",
    "bad-address",
    "bad-port",
    "app-not-private",
    "bad-origin",
    "insecure-origin",
    "unknown-value",
    "bad-database",
    "bad-lifetime",
    "bad-rotation",
    "bad-run",
    "bad-image",
    "bad-mail-sender",
    "bad-mail-server",
    "bad-issuer",
    "bad-audience",
    "bad-users-url",
    "weak-secret",
    "bad-client",
    "bad-tenant",
    "bad-title",
    "bad-scope",
    "bad-group",
    "bad-claim",
    "bad-collector",
    "own-claim",
    "bad-claim-value",
    "bad-path",
    "reserved-path",
    "unknown-method",
    "bad-role",
    # values that do not go together
    "missing-origin",
    "origin-not-https",
    "own-origin",
    "issuer-clash",
    "unproven-identity",
    "sign-up-elsewhere",
    "providers-beside-users",
    "unknown-provider",
    "not-of-this-provider",
    "bad-tls-file",
    "bad-breached-passwords",
    "verification-without-mail",
    "address-clash",
    "socket-in-pods",
    "port-in-pods",
    "secret-in-pods",
    "path-overlap",
    "redundant-path",
    "unknown-service",
    "calls-itself",
    "rule-outside-paths",
    "unreachable-rule",
    "allow-and-roles",
    "allow-and-mfa",
    "allow-and-scopes",
    "allow-and-claims",
    "allow-and-callers",
    "not-a-caller",
]
CODES: Final[tuple[Code, ...]] = get_args(Code)


def within(path: KeyPath, paths: AbstractSet[KeyPath]) -> bool:
    """Tell whether `path` is one of `paths` or below one."""
    return any(path[:length] in paths for length in range(len(path) + 1))


@dataclass(frozen=True)
class Mark:
    """A position in the text; line and column count from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Finding:
    """A mistake at `path`: what is wrong, and in `hint` what would be right where that can be worked out.

    `on_key` points at the key instead of its value; `mark` at a place that no path leads to. `message` may
    quote the value as "{written}", which stands for what the user wrote, before variables were put in: their
    values may be secrets. A hint is dropped where the value came from the environment, since it may be made
    of that value.
    """

    path: KeyPath
    code: Code
    message: str
    hint: str = ""
    on_key: bool = False
    mark: Mark | None = None
