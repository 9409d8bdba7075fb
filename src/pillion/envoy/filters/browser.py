"""Turn a browser's cookies, and an API key, into what the filters after this one know; see browser.lua.

Lua, because no native filter rewrites one cookie of several.
"""

from typing import Final

from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.google.protobuf import Any

from pillion import vocabulary
from pillion.envoy import names
from pillion.envoy.filters.lua import instead, lua
from pillion.vocabulary import Cookies

_FOR_IDENTITY: Final = "identity_cookies.lua"


def browser(cookies: Cookies) -> HttpFilter:
    """Make the filter for these names of cookies."""
    constants = {
        "SESSION": cookies.session,
        "TOKEN": cookies.token,
        "API_KEY": vocabulary.API_KEY_PREFIX,
        "SESSION_HEADER": vocabulary.SESSION_HEADER,
        "API_KEY_HEADER": vocabulary.API_KEY_HEADER,
        "TOKEN_HEADER": names.TOKEN_HEADER,
        "NEXT_HEADER": names.NEXT_HEADER,
    }
    return lua(names.BROWSER, "browser.lua", constants, (_FOR_IDENTITY,))


def keep_own_cookies() -> dict[str, Any]:
    """Give the configuration of a route to identity, which reads Pillion's cookies itself and needs no others."""
    return instead(names.BROWSER, _FOR_IDENTITY)
