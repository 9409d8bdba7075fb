"""What a person calls the thing that they are signed in on, as far as its User-Agent says so."""

from typing import Final

# The first that is found counts: Edge and Opera call themselves Chrome as well, and Chrome calls itself Safari.
_BROWSERS: Final = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def name(user_agent: str) -> str:
    """Say in a word or two which browser on which system; what nobody knows keeps its own first word."""
    browser = next((called for mark, called in _BROWSERS if mark in user_agent), "")
    system = next((called for mark, called in _SYSTEMS if mark in user_agent), "")
    if browser or system:
        return " on ".join(filter(None, (browser, system)))
    first = user_agent.partition(" ")[0].partition("/")[0]
    return first[:40] if first.isascii() and first.isprintable() and first else "Unknown"
