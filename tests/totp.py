"""An app that shows one-time codes (RFC 4226, section 5.3; RFC 6238, section 4)."""

import base64
import hashlib
import hmac
import time
from dataclasses import dataclass


@dataclass
class App:
    """Knows the seed; `code` shows the code of now, or of so many half minutes later."""

    seed: str

    def code(self, later: int = 0) -> str:
        """Show a code."""
        counter = int(time.time()) // 30 + later
        digest = hmac.new(base64.b32decode(self.seed), counter.to_bytes(8, "big"), hashlib.sha1).digest()
        at = digest[-1] & 15
        return f"{(int.from_bytes(digest[at : at + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"
