"""Turn a browser's cookies into what a program would send; see browser.lua.

Lua, because no native filter rewrites one cookie of several.
"""

from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.google.protobuf import Any

from pillion import vocabulary
from pillion.envoy import names
from pillion.envoy.filters.lua import lua, without
from pillion.vocabulary import Cookies


def browser(cookies: Cookies) -> HttpFilter:
    """Make the filter for these names of cookies."""
    constants = {
        "SESSION": cookies.session,
        "TOKEN": cookies.token,
        "SESSION_HEADER": vocabulary.SESSION_HEADER,
        "TOKEN_HEADER": names.TOKEN_HEADER,
        "NEXT_HEADER": names.NEXT_HEADER,
    }
    return lua(names.BROWSER, "browser.lua", constants)


def cookies_untouched() -> dict[str, Any]:
    """Give the configuration of a route whose requests keep their cookies: identity reads them itself."""
    return without(names.BROWSER)
