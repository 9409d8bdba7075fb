"""Topologies for tests that need the meaning of one, not a file."""

from pathlib import Path

from pillion.local import folder
from pillion.local.folder import StateFolder
from pillion.topology import Topology


def state_folder(beside: Path) -> StateFolder:
    """Make the state folder of a topology file in the folder `beside`."""
    state = folder.of(beside / "pillion.yaml")
    folder.make(state)
    return state


def shop(**services: object) -> Topology:
    """Make a topology of these services, or of orders, which calls inventory."""
    written = services or {
        "orders": {
            "app": "127.0.0.1:7001",
            "run": "python orders.py",
            "paths": ["/"],
            "calls": ["inventory"],
        },
        "inventory": {"app": "127.0.0.1:7002"},
    }
    return Topology.model_validate({"mesh": "shop", "services": written})
