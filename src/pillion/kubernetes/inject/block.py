"""Plain data as lines of YAML, in block style."""

import json
import re
from typing import Any, Final

# What no reader of YAML 1.1 or 1.2 takes for anything but this text.
_PLAIN: Final = re.compile(r"[A-Za-z/][A-Za-z0-9_/.-]*(?::[A-Za-z0-9_/.-]+)*", re.ASCII)
_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
# Line breaks to YAML 1.1 that JSON leaves as they are, and a mark that is none inside a text.
_BREAKS: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")


def entry(key: str, value: Any, indent: str) -> str:
    """Write a key and its value, as lines that begin with `indent`."""
    return f"{indent}{_scalar(key)}:{after(value, indent)}"


def after(value: Any, indent: str) -> str:
    """Write what stands after the colon of a key that is indented by `indent`; ends with a line break."""
    if isinstance(value, dict) and value:
        return "\n" + "".join(entry(key, each, f"{indent}  ") for key, each in value.items())
    if isinstance(value, list) and value:
        return "\n" + "".join(item(each, indent) for each in value)
    return f" {flow(value)}\n"


def item(value: Any, indent: str) -> str:
    """Write an item of a list whose dashes are indented by `indent`."""
    if isinstance(value, dict) and value:
        inside = "".join(entry(key, each, f"{indent}  ") for key, each in value.items())
        return f"{indent}- {inside[len(indent) + 2 :]}"
    return f"{indent}- {flow(value)}\n"


def flow(value: Any) -> str:
    """Write on one line."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_scalar(key)}: {flow(each)}' for key, each in value.items())}}}"
    return f"[{', '.join(map(flow, value))}]" if isinstance(value, list) else _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    # JSON is YAML, but for what the one takes for the end of a line.
    return _BREAKS.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))
