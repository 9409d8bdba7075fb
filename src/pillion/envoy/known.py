"""What every Envoy starts with when control cannot be reached: the keys and the revocations that were known last.

The filters' `default_config` names these files, and Envoy reads them once, when it takes up its listeners; what
control streams replaces them. Light on purpose: `up` and control write the files without the rest of this package.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pillion.envoy import names

_SID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Of a session's id the list has the last 62 random bits (RFC 9562, section 5.4): that is half of what every Envoy
# is sent. That any of a million living sessions ends like one of 20,000 revoked has a chance below 1 in 10^8.
_LISTED_FROM: Final = 19

# A public key of which nobody has the private half: the digest of a sentence. It stands in every set of another
# issuer: one in which Envoy can read no key, it refuses, and our own keys with it.
NO_KEY: Final[Mapping[str, str]] = {
    "kty": "OKP",
    "crv": "Ed25519",
    "alg": "EdDSA",
    "use": "sig",
    "kid": "none-known",
    "x": "o9RWklf6q6eJvDPYWNv4Ut448FayGq28flcYt-18RXI",
}


def known_files(
    jwks: Mapping[str, Any],
    revoked: Iterable[str] = (),
    trusted: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, str]:
    """Give the files' text by path, such as `_known/jwks.json`.

    `jwks` is a key set (RFC 7517, section 5), `revoked` are ids of sessions (UUIDs), `trusted` the key sets of
    other issuers by their names.
    """
    of_trusted = {names.trusted_keys_file(name): _key_set(keys) for name, keys in (trusted or {}).items()}
    # The revocations first: of all of these, nothing may be missing there when the disk is full.
    return {
        names.REVOKED_FILE: revoked_script(revoked),
        names.JWKS_FILE: _key_set(jwks),
        **of_trusted,
    }


def with_no_key(keys: Iterable[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Give the key set of another issuer, in a form that Envoy takes; without keys no token passes by it."""
    return {"keys": [*keys, dict(NO_KEY)]}


def _key_set(jwks: Mapping[str, Any]) -> str:
    return json.dumps(jwks, sort_keys=True, indent=1)


def revoked_script(revoked: Iterable[str]) -> str:
    """Write the list of revoked sessions as the Lua that Envoy's string matcher runs.

    One look-up in a hash table, whatever the length of the list: docs/decisions/0015-revocations-in-envoy.md.
    Raises ValueError for what is no UUID in its canonical form: it could be code.
    """
    lines = "\n".join(sorted(map(listed, revoked)))
    return (
        "local revoked = {}\n"
        f"for sid in ([[\n{lines}\n]]):gmatch('%S+') do\n"
        "  revoked[sid] = true\n"
        "end\n"
        "collectgarbage()\n"
        "function envoy_match(sid)\n"
        f"  return revoked[sid:sub({_LISTED_FROM + 1})] == true\n"
        "end\n"
    )


def listed(sid: str) -> str:
    """Give what stands in the list for the session `sid`; raises ValueError for what is no id of a session."""
    if not _SID.fullmatch(sid):
        raise ValueError(f"not the id of a session: {sid!r}")
    return sid[_LISTED_FROM:]
