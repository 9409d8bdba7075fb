"""A Lua filter from a file beside this one. Lua is the last resort, and runs at the edge alone."""

from collections.abc import Mapping
from importlib.resources import files

from envoy_data_plane.envoy.config.core.v3 import DataSource
from envoy_data_plane.envoy.extensions.filters.http.lua.v3 import Lua, LuaPerRoute
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.google.protobuf import Any

from pillion.envoy.filters.http_filter import http_filter
from pillion.envoy.packed import pack


def lua(name: str, file: str, constants: Mapping[str, str], others: tuple[str, ...] = ()) -> HttpFilter:
    """Make a filter of the script in `file`, with these texts as constants above it; routes may run `others`."""
    quoted = {constant: f'"{value}"' for constant, value in constants.items()}
    return http_filter(name, script(file, quoted, others))


def script(file: str, constants: Mapping[str, str], others: tuple[str, ...] = ()) -> Lua:
    """Make a filter's configuration of the script in `file`; the constants are Lua's expressions."""
    scripts = {other: _source(other, constants) for other in others}
    return Lua(default_source_code=_source(file, constants), source_codes=scripts)


def instead(name: str, other: str) -> dict[str, Any]:
    """Give the configuration of a route where the filter runs one of its other scripts."""
    return {name: pack(LuaPerRoute(name=other))}


def without(name: str) -> dict[str, Any]:
    """Give the configuration of a route that goes without the filter."""
    return {name: pack(LuaPerRoute(disabled=True))}


def _source(file: str, constants: Mapping[str, str]) -> DataSource:
    header = "".join(f"local {constant} = {value}\n" for constant, value in constants.items())
    source = files(__package__).joinpath(file).read_text(encoding="utf-8")
    return DataSource(inline_string=f"{header}\n{source}")
