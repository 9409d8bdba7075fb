"""Tells identity, in a file, what it needs to know of the topology."""

import json

from pydantic import SecretStr

from pillion.local.folder import StateFolder, write_privately
from pillion.topology import Topology
from pillion.topology.model import Database


def write(folder: StateFolder, topology: Topology) -> bool:
    """Write identity.json (0600: a database's URL may hold a password); says whether anything in it is new."""
    written = {
        "mesh": topology.mesh,
        "origin": topology.edge.origin,
        "allow_origins": list(topology.edge.allow_origins),
        "sign_up": topology.identity.sign_up,
        "database": plain(topology.identity.database),
        "token_lifetime": int(topology.tokens.lifetime.total_seconds()),
        "algorithm": topology.tokens.algorithm,
        "rotation": int(topology.tokens.rotation.total_seconds()),
        "state": str(folder.root),
    }
    return write_privately(folder.identity_config, json.dumps(written, indent=1))


def plain(database: Database) -> str:
    """Give the database as identity is told of it: `sqlite`, or the URL, for a file that is private."""
    return database.get_secret_value() if isinstance(database, SecretStr) else database
