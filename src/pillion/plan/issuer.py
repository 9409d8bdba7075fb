"""Another issuer whose tokens are good here: what they must say, and where they say what rules ask for."""

from dataclasses import dataclass

ClaimPath = tuple[str, ...]


@dataclass(frozen=True)
class Issuer:
    """Another issuer whose tokens are good here.

    `name` leads its users' ids (`NAME:USER`). `keys` is where it publishes its public keys. `user`, `email`,
    `roles` and `scope` are where its tokens say so; None: they say nothing of it. `extra` are further claims that
    rules may ask for, by the name that those use.
    """

    name: str
    issuer: str
    keys: str
    audience: str
    user: ClaimPath
    email: ClaimPath | None
    roles: ClaimPath | None
    scope: ClaimPath | None = None
    extra: tuple[tuple[str, ClaimPath], ...] = ()
