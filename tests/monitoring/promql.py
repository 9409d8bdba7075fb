"""What the alerts and the dashboard ask Prometheus for: every selector in their expressions."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pillion import monitoring
from pillion.monitoring.dashboard import dashboard

_NAME = re.compile(r"[a-z_][a-z0-9_]*(?:_[a-z0-9]+)+")
_MATCHER = re.compile(r'([a-z_]+)(=~|!=|=)"([^"]*)"')
_GROUPING = re.compile(r"\bby \(([a-z_, ]+)\)")
# Functions that look like metrics.
_FUNCTIONS = {"histogram_quantile", "rate_interval"}


@dataclass(frozen=True)
class Asked:
    """A metric, and the matchers of its labels: name, operator, value."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]


def of_alerts() -> dict[str, str]:
    """Give every alert's expression."""
    return {rule["alert"]: rule["expr"] for group in monitoring.groups() for rule in group["rules"]}


def of_panels() -> dict[str, list[str]]:
    """Give every panel's expressions, with an interval in the place of Grafana's variable."""
    return {
        panel["title"] + f" ({panel['id']})": [
            target["expr"].replace("$__rate_interval", "5m") for target in panel["targets"]
        ]
        for panel in dashboard()["panels"]
        if panel["type"] != "row"
    }


def expressions() -> Iterator[str]:
    """Give all of them."""
    yield from of_alerts().values()
    for several in of_panels().values():
        yield from several


def selectors(expression: str) -> Iterator[Asked]:
    """Find the metrics that an expression names, with what it says of their labels."""
    bare = _GROUPING.sub("", expression)
    for found in re.finditer(r"([a-z_][a-z0-9_]*)(\{[^}]*\})?", re.sub(r'"[^"]*"(?![^{]*\})', "", bare)):
        name, braces = found.groups()
        if _NAME.fullmatch(name) and name not in _FUNCTIONS and _is_metric(bare, found.end(), name):
            yield Asked(name, tuple(_MATCHER.findall(braces or "")))


def grouped_by(expression: str) -> set[str]:
    """Find the labels that an expression groups by."""
    return {label.strip() for part in _GROUPING.findall(expression) for label in part.split(",")}


def _is_metric(text: str, end: int, name: str) -> bool:
    """Tell a metric from the name of a label or of a function."""
    return name.startswith(("envoy_", "pillion_", "process_")) and not re.match(
        r'\s*(=|!=|=~)\s*"', text[end:]
    )
