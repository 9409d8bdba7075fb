"""The dashboard: what Grafana asks of its JSON, and that nothing lies on top of something else."""

import itertools
import json
from typing import Any

from pillion import monitoring
from pillion.monitoring.dashboard import dashboard

COLUMNS = 24
# Grafana's units, of those that it knows.
UNITS = {"short", "reqps", "ops", "ms", "s", "bytes", "percentunit"}


def panels() -> list[dict[str, Any]]:
    """Give them as they are written down."""
    document: dict[str, Any] = json.loads(monitoring.dashboard_text())
    found: list[dict[str, Any]] = document["panels"]
    return found


def test_no_panel_lies_on_another_and_each_has_a_number_of_its_own() -> None:
    taken: dict[tuple[int, int], int] = {}
    for panel in panels():
        place = panel["gridPos"]
        cells = itertools.product(
            range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        )
        for cell in cells:
            assert cell[0] < COLUMNS
            assert taken.setdefault(cell, panel["id"]) == panel["id"]
    numbers = [panel["id"] for panel in panels()]
    assert len(set(numbers)) == len(numbers)


def test_every_panel_asks_something_of_the_chosen_prometheus() -> None:
    source = {"type": "prometheus", "uid": "${datasource}"}
    for panel in panels():
        if panel["type"] == "row":
            continue
        assert panel["type"] in {"timeseries", "stat"}
        assert panel["datasource"] == source
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
        for target in panel["targets"]:
            assert target["datasource"] == source
            assert 'namespace=~"$namespace", job=~"$job"' in target["expr"]


def test_there_is_a_row_for_each_part_and_a_variable_for_each_choice() -> None:
    rows = [panel["title"] for panel in panels() if panel["type"] == "row"]
    assert rows == ["Edge", "Sidecars", "Identity", "Control, keys, certificates"]
    names = [one["name"] for one in dashboard()["templating"]["list"]]
    assert names == ["datasource", "namespace", "job"]
