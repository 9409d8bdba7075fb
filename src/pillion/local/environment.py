"""What each process finds in its environment: a service everything of the user's but Pillion's secrets."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from pillion.envoy.names import CREDENTIAL_VARIABLE, SERVICE_SECRET_VARIABLE
from pillion.plan import Address, Sidecar, UnixSocket

_OURS: Final = "PILLION_"
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-[^}]*)?\}")
_REPLACED: Final = frozenset({"port", "http_proxy", "no_proxy"})
# Proxies, and the certificates of authorities that the user's network trusts besides (OpenSSL's variables).
_WAY_OUT: Final = frozenset(
    {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir"}
)
# What libpq reads of the environment, and where it finds ~/.pgpass and certificates.
_LIBPQ: Final = re.compile(r"PG[A-Z_]+|HOME")
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


def secret_variables(topology: Path) -> frozenset[str]:
    """Name the variables that identity's secrets are taken from; `topology` has been read before.

    They are those of `identity.database`, `.mail`, `.users` and `.providers`: others in the file (a port, a path)
    may be meant for the services as well, and stay.
    """
    written = YAML(typ="safe", pure=True).load(topology.read_text(encoding="utf-8-sig"))
    identity = _mapping(_mapping(written).get("identity"))
    mail, users = (_mapping(identity.get(name)) for name in ("mail", "users"))
    providers = map(_mapping, _mapping(identity.get("providers")).values())
    texts = (
        identity.get("database"),
        mail.get("smtp"),
        users.get("secret"),
        *(provider.get("client_secret") for provider in providers),
    )
    return frozenset(name for text in texts if isinstance(text, str) for name in _VARIABLE.findall(text))


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def of_service(user: Mapping[str, str], secrets: frozenset[str], sidecar: Sidecar) -> dict[str, str]:
    """Make a service's environment from the `user`'s own, less `secrets` and what is Pillion's."""
    kept = {
        name: value
        for name, value in user.items()
        if name not in secrets and not name.startswith(_OURS) and name.lower() not in _REPLACED
    }
    proxy = f"http://{sidecar.egress}"
    without_proxy = _without_proxy(user)
    return {
        **kept,
        **_where(sidecar.app),
        "PATH": _path(user),
        "PILLION_SERVICE": sidecar.service,
        "HTTP_PROXY": proxy,
        "http_proxy": proxy,
        "NO_PROXY": without_proxy,
        "no_proxy": without_proxy,
        "PYTHONUNBUFFERED": "1",
    }


def of_any_service(user: Mapping[str, str]) -> dict[str, str]:
    """Give what is the same for every service, and says where their programs are found."""
    return {**user, "PATH": _path(user)}


def of_identity(user: Mapping[str, str], config: Path) -> dict[str, str]:
    """Make identity's environment: the user's own, in which a master key may stand, and where its file is."""
    return {**user, "PATH": _path(user), "PILLION_IDENTITY_CONFIG": str(config), "PYTHONUNBUFFERED": "1"}


def of_control(user: Mapping[str, str], config: Path) -> dict[str, str]:
    """Make control's environment: of the user's own, where things lie, and what leads to other issuers' keys."""
    way = {name: value for name, value in user.items() if name.lower() in _WAY_OUT or _LIBPQ.fullmatch(name)}
    return {**_where_things_lie(user), **way, "PILLION_CONTROL_CONFIG": str(config), "PYTHONUNBUFFERED": "1"}


def of_envoy(user: Mapping[str, str], credential: str, service_secret: str | None) -> dict[str, str]:
    """Make an Envoy's environment: nothing of the user's, and what it proves itself with to control.

    A sidecar has what it proves itself with to identity, too.
    """
    own = {} if service_secret is None else {SERVICE_SECRET_VARIABLE: service_secret}
    return {**_where_things_lie(user), CREDENTIAL_VARIABLE: credential, **own}


def _where_things_lie(user: Mapping[str, str]) -> dict[str, str]:
    return {name: user[name] for name in ("PATH", "TMPDIR") if name in user}


def _where(app: Address | UnixSocket) -> dict[str, str]:
    return {"PORT": str(app.port)} if isinstance(app, Address) else {}


def _path(user: Mapping[str, str]) -> str:
    """Lead with the folder of this Python: `run: python orders.py` has what Pillion was installed with."""
    return os.pathsep.join((str(Path(sys.executable).parent), user.get("PATH", os.defpath)))


def _without_proxy(user: Mapping[str, str]) -> str:
    """Let calls to this machine, and to hosts that the user's network reaches directly, past the egress.

    Only entries with a dot inside or a colon are kept of the user's: a service's name has neither, so no entry
    can lead `http://inventory/` past the sidecar (`.inventory` would, to some programs).
    """
    written = user.get("no_proxy") or user.get("NO_PROXY") or ""
    entries = (entry.strip() for entry in written.split(","))
    return ",".join(
        (*_LOOPBACK, *(e for e in entries if set(".:") & set(e.lstrip(".")) and e not in _LOOPBACK))
    )
