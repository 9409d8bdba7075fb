"""Tells identity, in a file, what it needs to know of the topology."""

import json
from pathlib import Path

from pydantic import SecretStr

from pillion.control import credentials
from pillion.local import control_config
from pillion.local.folder import StateFolder, write_privately
from pillion.topology import MailServer, Provider, Topology, Users, claim_path
from pillion.topology.mail import stays_here
from pillion.topology.model import Database


def write(folder: StateFolder, topology: Topology) -> bool:
    """Write identity.json (0600: passwords and secrets may stand in it); says whether anything in it is new."""
    mail, users = topology.identity.mail, topology.identity.users
    breached = topology.identity.breached_passwords
    written = {
        "mesh": topology.mesh,
        "origin": topology.edge.origin,
        "allow_origins": list(topology.edge.allow_origins),
        "sign_up": topology.identity.sign_up if users is None else "closed",
        "verification": topology.identity.verification,
        "mail_from": mail.sender if mail else None,
        "mail_server": _server(mail.smtp) if mail else None,
        "mailbox_key": mailbox_key(folder, topology),
        "breached_passwords": breached and str(folder.root.parent / breached),
        "database": plain(topology.identity.database),
        "token_lifetime": int(topology.tokens.lifetime.total_seconds()),
        "algorithm": topology.tokens.algorithm,
        "rotation": int(topology.tokens.rotation.total_seconds()),
        "state": str(folder.root),
        "service_accounts": str(folder.service_accounts),
        "users": None if users is None else _users(users, folder.root.parent),
        "providers": [_provider(name, it) for name, it in topology.identity.providers.items()],
    }
    return write_privately(folder.identity_config, json.dumps(written, indent=1))


def plain(database: Database) -> str:
    """Give the database as identity is told of it: `sqlite`, or the URL, for a file that is private."""
    return database.get_secret_value() if isinstance(database, SecretStr) else database


def mailbox_key(folder: StateFolder, topology: Topology) -> str | None:
    """Give what opens the page of the local mailbox; None where mail is sent, or nobody gets any."""
    here = topology.identity.users is None and topology.identity.mail is None
    if not here or not stays_here(topology.edge.listen, topology.edge.origin):
        return None
    # No workload can have this name, so that none can have this key.
    return credentials.credential(control_config.key(folder), "the local mailbox")[:32]


def _server(server: MailServer) -> dict[str, object]:
    return {**server.model_dump(exclude={"password"}), "password": server.password.get_secret_value()}


def _users(users: Users, beside: Path) -> dict[str, str | None]:
    def lying(file: str | None) -> str | None:
        return None if file is None else str(beside / file)

    return {
        "url": users.url,
        "secret": users.secret.get_secret_value() if users.secret else None,
        "certificate": lying(users.tls.certificate if users.tls else None),
        "key": lying(users.tls.key if users.tls else None),
        "authority": lying(users.authority),
        "local_accounts": users.local_accounts,
    }


def _provider(name: str, provider: Provider) -> dict[str, object]:
    roles = provider.roles
    return {
        "name": name,
        "client_id": provider.client_id,
        "client_secret": provider.client_secret.get_secret_value(),
        "issuer": provider.issuer,
        "tenant": provider.tenant,
        "title": provider.title,
        "scopes": list(provider.scopes),
        "roles": None if roles is None else {"claim": claim_path(roles.claim), "groups": roles.groups},
    }
