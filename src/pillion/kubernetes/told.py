"""What identity and control are told in pods: the same files as on a laptop, without a secret in them.

Where a secret belongs stands the variable that the topology names, and `environment` lists these: each program
takes its own from its environment, where a Secret of the user's puts them.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

from pydantic import SecretStr

from pillion import environment
from pillion.kubernetes.containers import FOLDER
from pillion.plan import Plan
from pillion.topology import MailServer, Provider, Topology, Users, claim_path

IDENTITY_FILE: Final = "identity.json"
ACCOUNTS_FILE: Final = "service_accounts.json"
CONTROL_FILE: Final = "control.json"

CONFIG_FOLDER: Final = f"{FOLDER}/config"
STATE_FOLDER: Final = f"{FOLDER}/state"
# Files that the topology names, which the user has to bring into the pods.
USERS_FOLDER: Final = f"{FOLDER}/users"
BREACHED_PASSWORDS: Final = f"{FOLDER}/breached-passwords"

# Where the topology says `sqlite`: pods share no file.
DATABASE_VARIABLE: Final = "DATABASE_URL"


def identity(topology: Topology) -> dict[str, Any]:
    """Tell identity what it has to know."""
    mail, users = topology.identity.mail, topology.identity.users
    return _listing(
        {
            "mesh": topology.mesh,
            "origin": topology.edge.origin,
            "allow_origins": list(topology.edge.allow_origins),
            "sign_up": topology.identity.sign_up if users is None else "closed",
            "verification": topology.identity.verification,
            "mail_from": mail.sender if mail else None,
            "mail_server": _server(mail.smtp) if mail else None,
            "breached_passwords": topology.identity.breached_passwords and BREACHED_PASSWORDS,
            "database": database(topology),
            "token_lifetime": int(topology.tokens.lifetime.total_seconds()),
            "algorithm": topology.tokens.algorithm,
            "rotation": int(topology.tokens.rotation.total_seconds()),
            "state": STATE_FOLDER,
            "service_accounts": f"{CONFIG_FOLDER}/{ACCOUNTS_FILE}",
            "workloads": "certificate",
            "users": None if users is None else _users(users),
            "providers": [_provider(name, it) for name, it in topology.identity.providers.items()],
        }
    )


def control(topology: Topology, plan: Plan, namespace: str, known: str) -> dict[str, Any]:
    """Tell control what it has to know; what Envoys start with it keeps in the ConfigMap `known`."""
    return _listing(
        {
            "issuer": plan.verification.issuer,
            "audience": plan.verification.audience,
            "max_lifetime": int(plan.verification.max_lifetime.total_seconds()),
            "envoys": {"edge": "edge"} | {sidecar.service: "sidecar" for sidecar in plan.sidecars},
            "database": database(topology),
            "credentials": None,
            "known": {"namespace": namespace, "config_map": known},
            "trust": [asdict(issuer) for issuer in plan.verification.trusted],
        }
    )


def accounts(plan: Plan) -> dict[str, None]:
    """Name the services that may get tokens of their own: those who call others."""
    return {sidecar.spiffe_id: None for sidecar in plan.sidecars if sidecar.peers}


def database(topology: Topology) -> SecretStr:
    """Give the database's URL, or the variable that holds one where the topology names none."""
    written = topology.identity.database
    return written if isinstance(written, SecretStr) else SecretStr(f"${{{DATABASE_VARIABLE}}}")


def text(told: Mapping[str, Any]) -> str:
    """Write it down."""
    return f"{json.dumps(told, indent=1)}\n"


def _listing(told: dict[str, Any]) -> dict[str, Any]:
    """Write it with the names of its variables: they stand in secrets alone, what else looks like one is none."""
    return {**_plain(told), environment.KEY: sorted({*_variables(told)})}


def _plain(told: Any) -> Any:
    match told:
        case SecretStr():
            return told.get_secret_value()
        case str():
            return environment.escape(told)
        case dict():
            return {key: _plain(value) for key, value in told.items()}
        case list() | tuple():
            return [_plain(value) for value in told]
    return told


def _variables(told: Any) -> Iterator[str]:
    match told:
        case SecretStr():
            yield from (found.name for found in environment.references(told.get_secret_value()))
        case dict():
            for value in told.values():
                yield from _variables(value)
        case list() | tuple():
            for value in told:
                yield from _variables(value)


def _server(server: MailServer) -> dict[str, object]:
    return {
        **server.model_dump(exclude={"user", "password"}),
        "user": SecretStr(server.user),
        "password": server.password,
    }


def _users(users: Users) -> dict[str, object]:
    return {
        "url": users.url,
        "secret": users.secret,
        "certificate": f"{USERS_FOLDER}/tls.crt" if users.tls else None,
        "key": f"{USERS_FOLDER}/tls.key" if users.tls else None,
        "authority": f"{USERS_FOLDER}/ca.crt" if users.authority else None,
        "local_accounts": users.local_accounts,
    }


def _provider(name: str, provider: Provider) -> dict[str, object]:
    roles = provider.roles
    return {
        "name": name,
        "client_id": provider.client_id,
        "client_secret": provider.client_secret,
        "issuer": provider.issuer,
        "tenant": provider.tenant,
        "title": provider.title,
        "scopes": list(provider.scopes),
        "roles": None if roles is None else {"claim": claim_path(roles.claim), "groups": roles.groups},
    }
