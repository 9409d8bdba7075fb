"""Let no service set Pillion's cookies; see own_cookies.lua.

With a session of its own choice a service could sign its visitors in as somebody else, for all other services
(login CSRF, CWE-384). The cookie that a renewal brings is added after this filter has looked.
"""

from typing import Final

from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.google.protobuf import Any

from pillion.envoy import names
from pillion.envoy.filters.lua import lua, without
from pillion.envoy.refusals import TOKEN_REVOKED
from pillion.vocabulary import Cookies

_NAME: Final = "pillion.own-cookies"


def own_cookies(cookies: Cookies) -> HttpFilter:
    """Make the filter for these names of cookies."""
    constants = {
        "SESSION": cookies.session,
        "TOKEN": cookies.token,
        "REFUSED_HEADER": names.REFUSED_HEADER,
        "REVOKED": TOKEN_REVOKED.code,
    }
    return lua(_NAME, "own_cookies.lua", constants)


def may_set_cookies() -> dict[str, Any]:
    """Give the configuration of identity's routes."""
    return without(_NAME)
