"""An edit of the topology changes what it touches: the ConfigMaps and policies of some workloads, and no pod."""

from pathlib import Path
from typing import Any

import pytest

from pillion.kubernetes.files import manifests
from pillion.topology import load
from tests.kubernetes import rendered

TEXT = rendered.SHOP.read_text(encoding="utf-8")


def documents(text: str, folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Work out what a topology comes to."""
    file = folder / "pillion.yaml"
    file.write_text(text, encoding="utf-8")
    base = manifests(load(file, {})).base.values()
    return {(one["kind"], one["metadata"]["name"]): one for each in base for one in each.documents}


@pytest.mark.parametrize(
    ("before", "after", "touched"),
    [
        # A rule of a service that the edge leads to: the edge has to know what is open.
        (
            "{path: /api/orders/health, allow: anyone}",
            "{path: /api/orders/healthy, allow: anyone}",
            {"ConfigMap/pillion-orders", "ConfigMap/pillion-edge"},
        ),
        # One that changes nothing for who has no token.
        ("methods: [GET], roles: [manager]", "methods: [GET], roles: [boss]", {"ConfigMap/pillion-orders"}),
        # A call more: both ends, and identity, which gives tokens to who calls others.
        (
            "    paths: [/api/catalog]",
            "    paths: [/api/catalog]\n    calls: [inventory]",
            {
                "ConfigMap/pillion-catalog",
                "ConfigMap/pillion-inventory",
                "NetworkPolicy/pillion-catalog",
                "NetworkPolicy/pillion-inventory",
                "NetworkPolicy/pillion-identity",
                "ConfigMap/pillion-identity",
                "ConfigMap/pillion-identity-config",
                "ConfigMap/pillion-webhook-config",
            },
        ),
        # How people sign up is identity's alone, whose pods start anew for it, one by one.
        (
            "sign_up: open",
            "sign_up: closed",
            {"ConfigMap/pillion-identity-config", "Deployment/identity"},
        ),
        ("run: python orders.py", "run: python3 orders.py", set()),
    ],
)
def test_an_edit_changes_what_it_touches(before: str, after: str, touched: set[str], tmp_path: Path) -> None:
    """And nothing else is to be applied again."""
    assert TEXT.count(before) == 1
    old, new = documents(TEXT, tmp_path), documents(TEXT.replace(before, after), tmp_path)
    assert old.keys() == new.keys()
    assert {"/".join(key) for key in old if old[key] != new[key]} == touched


def test_a_service_more_touches_those_that_have_to_know_it(tmp_path: Path) -> None:
    """The edge, control, which lets its Envoy in, and nobody who does not call it."""
    more = TEXT + "\n  reviews:\n    app: 127.0.0.1:7009\n    paths: [/api/reviews]\n"
    old, new = documents(TEXT, tmp_path), documents(more, tmp_path)
    added = {name for _, name in new.keys() - old.keys()}
    assert added == {"reviews", "pillion-reviews"}
    changed = {"/".join(key) for key in old if old[key] != new[key]}
    assert {
        "ConfigMap/pillion-edge",
        "NetworkPolicy/pillion-edge",
        "NetworkPolicy/pillion-control",
    } <= changed
    assert changed <= {
        "ConfigMap/pillion-edge",
        "ConfigMap/pillion-control",
        "ConfigMap/pillion-control-config",
        "ConfigMap/pillion-identity-config",
        "NetworkPolicy/pillion-edge",
        "NetworkPolicy/pillion-control",
        "ConfigMap/pillion-webhook-config",
    }
