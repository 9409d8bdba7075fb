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


def known_files(jwks: Mapping[str, Any], revoked: Iterable[str] = ()) -> dict[str, str]:
    """Give the files' text by path, such as `_known/jwks.json`.

    `jwks` is a key set (RFC 7517, section 5), `revoked` are ids of sessions (UUIDs).
    """
    return {
        names.JWKS_FILE: json.dumps(jwks, sort_keys=True, indent=1),
        names.REVOKED_FILE: revoked_script(revoked),
    }


def revoked_script(revoked: Iterable[str]) -> str:
    """Write the list of revoked sessions as the Lua that Envoy's string matcher runs.

    One look-up in a hash table, whatever the length of the list: docs/decisions/0015-revocations-in-envoy.md.
    Raises ValueError for what is no UUID in its canonical form: it could be code.
    """
    sids = sorted(revoked)
    for sid in sids:
        if not _SID.fullmatch(sid):
            raise ValueError(f"not the id of a session: {sid!r}")
    listed = "\n".join(sids)
    return (
        "local revoked = {}\n"
        f"for sid in ([[\n{listed}\n]]):gmatch('%S+') do\n"
        "  revoked[sid] = true\n"
        "end\n"
        "collectgarbage()\n"
        "function envoy_match(sid)\n"
        "  return revoked[sid] == true\n"
        "end\n"
    )
