"""One visit of a browser to a provider: why, and by what its answer is known."""

import secrets
import time
from dataclasses import dataclass, field
from typing import Literal

# To sign in, to link the provider to one's account, to confirm that it is still oneself, or to confirm an address
# whose mail one reads.
Purpose = Literal["sign-in", "link", "confirm", "verify"]


def _random() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Attempt:
    """What is remembered until the answer comes.

    `next` is where to go on after it; `user` who was signed in when it began, where that matters; `key` of a
    mailed link. `at` is when it began, in seconds since the epoch.
    """

    provider: str
    purpose: Purpose
    next: str = "/"
    user: str = ""
    key: str = field(default="", repr=False)
    state: str = field(default_factory=_random, repr=False)
    nonce: str = field(default_factory=_random, repr=False)
    verifier: str = field(default_factory=_random, repr=False)  # RFC 7636, section 4.1: 43 characters
    at: float = field(default_factory=time.time)
