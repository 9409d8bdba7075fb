"""Service accounts: each sidecar gets a secret, and identity, in a file, the hashes of all of them."""

import hashlib
import json

from pillion import vocabulary
from pillion.control import credentials
from pillion.local.folder import StateFolder, write_privately
from pillion.plan import Plan


def secret(key: bytes, service: str) -> str:
    """Derive what a service's sidecar shows to identity.

    From the key of the credentials that are shown to control. No workload's name holds a blank, so that none of
    those is the same.
    """
    return credentials.credential(key, f"{service} at identity")


def write(folder: StateFolder, key: bytes, plan: Plan, *others: Plan) -> None:
    """Write service_accounts.json, which identity reads again when it has changed.

    `key` is the one that the sidecars were started with. The services of `others` count as well: some run still.
    """
    services = {sidecar.service for each in (*others, plan) for sidecar in each.sidecars}
    written = {
        vocabulary.spiffe_id(plan.mesh, service): hashlib.sha256(secret(key, service).encode()).hexdigest()
        for service in sorted(services)
    }
    write_privately(folder.service_accounts, json.dumps(written, indent=1))
