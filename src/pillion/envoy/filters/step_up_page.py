"""Send a person, rather than a program, to where a second factor is shown; see step_up_page.lua.

The sidecars alone know what a rule asks for, and say so in their answer; the edge knows who is going to a page.
Lua, because no native filter makes one answer of the two.
"""

from typing import Final

from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter

from pillion import vocabulary
from pillion.envoy import names
from pillion.envoy.filters.conditional import only_with
from pillion.envoy.filters.lua import script
from pillion.envoy.refusals import STEP_UP_REQUIRED

_NAME: Final = "pillion.step-up-page"


def step_up_page() -> HttpFilter:
    """Run only where a person is going to a page."""
    constants = {
        "NEXT_HEADER": names.NEXT_HEADER,
        "REFUSED_HEADER": names.REFUSED_HEADER,
        "STEP_UP": STEP_UP_REQUIRED.code,
        "LOCATION": f"{vocabulary.STEP_UP_PATH}?next=",
    }
    quoted = {name: f'"{value}"' for name, value in constants.items()}
    return only_with((names.NEXT_HEADER,), _NAME, script("step_up_page.lua", quoted))
