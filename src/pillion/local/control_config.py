"""Tells control, in a file, what it needs to know of the mesh."""

import json

from pydantic import SecretStr

from pillion.control import credentials
from pillion.control.config import Config
from pillion.local.failure import LocalError
from pillion.local.folder import StateFolder, write_privately
from pillion.plan import Plan
from pillion.topology.model import Database

# One control runs on a laptop; in a cluster each has its pod's name.
_INSTANCE = "local"


def write(folder: StateFolder, database: Database, plan: Plan, *others: Plan) -> None:
    """Write control.json (0600: a database's URL may hold a password); a control that runs takes it up.

    The Envoys of `others` may connect as well: some of them run still.
    """
    envoys = [
        workload
        for each in (*others, plan)
        for workload in (each.edge.workload, *(sidecar.workload for sidecar in each.sidecars))
    ]
    where = database if isinstance(database, SecretStr) else folder.identity_database
    config = Config(
        instance=_INSTANCE,
        issuer=plan.verification.issuer,
        audience=plan.verification.audience,
        max_lifetime=int(plan.verification.max_lifetime.total_seconds()),
        envoys={envoy.name: envoy.kind for envoy in envoys},
        database=where,
        credentials=folder.control_key,
        known=folder.envoy,
        trust=plan.verification.trusted,
    )
    written = config.model_dump(mode="json")
    if isinstance(where, SecretStr):
        written["database"] = where.get_secret_value()
    write_privately(folder.control_config, json.dumps(written, indent=1))


def key(folder: StateFolder) -> bytes:
    """Give the key that the Envoys' credentials are derived from; the first time, it is made."""
    try:
        return credentials.ensure_key(folder.control_key)
    except credentials.CredentialsError as error:
        raise LocalError(str(error)) from None
