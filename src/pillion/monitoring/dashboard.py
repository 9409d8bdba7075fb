"""The dashboard for Grafana, as its JSON: panels in rows, and which mesh they are of."""

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any, Final

from pillion.monitoring.panels import ROWS, Panel

# https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
_SCHEMA_VERSION: Final = 39  # Grafana 10.4's; a later one brings it up to its own by itself
_COLUMNS: Final = 24
_HEIGHT: Final = 7
_DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


def dashboard() -> dict[str, Any]:
    """Give it as Grafana reads it."""
    return {
        "uid": "pillion",
        "title": "Pillion",
        "tags": ["pillion"],
        "editable": True,
        "schemaVersion": _SCHEMA_VERSION,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [_datasource(), _variable("namespace"), _variable("job")]},
        "panels": [*_placed(ROWS)],
    }


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _variable(label: str) -> dict[str, Any]:
    """Let one choose among the values of a label; all of them, and none, at first."""
    query = f"label_values(envoy_server_live, {label})"
    return {
        "name": label,
        "type": "query",
        "datasource": _DATASOURCE,
        "query": {"query": query, "refId": label},
        "definition": query,
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _placed(rows: Iterable[tuple[str, tuple[Panel, ...]]]) -> Iterator[dict[str, Any]]:
    """Lay out the panels of each row from left to right, and number them."""
    numbers = count(1)
    top = 0
    for title, panels in rows:
        place = {"x": 0, "y": top, "w": _COLUMNS, "h": 1}
        yield {
            "id": next(numbers),
            "type": "row",
            "title": title,
            "collapsed": False,
            "gridPos": place,
            "panels": [],
        }
        top += 1
        left = 0
        for panel in panels:
            if left + panel.width > _COLUMNS:
                left, top = 0, top + _HEIGHT
            place = {"x": left, "y": top, "w": panel.width, "h": _HEIGHT}
            yield {"id": next(numbers), "gridPos": place, **_written(panel)}
            left += panel.width
        top += _HEIGHT


def _written(panel: Panel) -> dict[str, Any]:
    targets = [
        {
            "refId": chr(ord("A") + number),
            "datasource": _DATASOURCE,
            "expr": expression,
            "legendFormat": words,
        }
        for number, (expression, words) in enumerate(panel.asks)
    ]
    options: dict[str, Any] = {"reduceOptions": {"calcs": ["lastNotNull"]}} if panel.stat else {}
    return {
        "type": "stat" if panel.stat else "timeseries",
        "title": panel.title,
        "description": panel.what,
        "datasource": _DATASOURCE,
        "targets": targets,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, **({} if panel.stat else {"min": 0})},
            "overrides": [],
        },
        "options": options,
    }
