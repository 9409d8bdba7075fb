"""Turn a browser's cookies into what a program would send; see browser.lua.

Lua, because no native filter rewrites one cookie of several. It runs at the edge alone.
"""

from importlib.resources import files

from envoy_data_plane.envoy.config.core.v3 import DataSource
from envoy_data_plane.envoy.extensions.filters.http.lua.v3 import Lua, LuaPerRoute
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.google.protobuf import Any

from pillion import vocabulary
from pillion.envoy import names
from pillion.envoy.filters.http_filter import http_filter
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
    header = "".join(f'local {name} = "{value}"\n' for name, value in constants.items())
    source = files(__package__).joinpath("browser.lua").read_text(encoding="utf-8")
    return http_filter(
        names.BROWSER, Lua(default_source_code=DataSource(inline_string=f"{header}\n{source}"))
    )


def cookies_untouched() -> dict[str, Any]:
    """Give the configuration of a route whose requests keep their cookies: identity reads them itself."""
    return {names.BROWSER: Any.pack(LuaPerRoute(disabled=True))}
