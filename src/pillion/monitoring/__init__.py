"""What watches a mesh: alerts for Prometheus and a dashboard for Grafana, the same wherever it runs."""

import json
from functools import cache
from importlib.resources import files
from typing import Any, Final

from ruamel.yaml import YAML

from pillion.monitoring.dashboard import dashboard

RULES_FILE: Final = "rules.yaml"
DASHBOARD_FILE: Final = "dashboard.json"


def written() -> dict[str, str]:
    """Give the files, by their names, as Prometheus and Grafana read them."""
    return {RULES_FILE: _rules(), DASHBOARD_FILE: dashboard_text()}


def groups() -> list[dict[str, Any]]:
    """Give the groups of rules, as they stand in the file."""
    found: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(_rules())["groups"]
    return found


def dashboard_text() -> str:
    """Write the dashboard down."""
    return f"{json.dumps(dashboard(), indent=1)}\n"


@cache
def _rules() -> str:
    return (files(__name__) / RULES_FILE).read_text(encoding="utf-8")
