"""Envoys as Pillion configures them, but for one part that is taken away: what that part stops gets through."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pillion.attack.bait import listening
from pillion.attack.families import authorization, encodings, headers, requests, sidecars
from pillion.attack.outcome import CannotBeTriedError, Family, Verdict
from pillion.attack.target import Account, Browser, Client, Door, Place, Places, Target
from pillion.vocabulary import cookies, edge_spiffe_id, spiffe_id
from tests.envoy import rig
from tests.envoy.rig import MESH, Rig

SERVICES = """
  orders:
    app: APP
    paths: [/api]
    rules:
      - {path: /api/open, allow: anyone}
      - {path: /api/reports, roles: [chief]}
"""
RBAC = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"
Change = Callable[[dict[str, Any]], None]


def _without(*names: str) -> Change:
    """Leave the filters of these names in their places, and let them do nothing."""

    def change(part: dict[str, Any]) -> None:
        if part.get("name") in names:
            part["typed_config"] = {"@type": RBAC}

    return change


def _lenient_headers(part: dict[str, Any]) -> None:
    part.pop("early_header_mutation_extensions", None)
    part.pop("headers_with_underscores_action", None)


def _no_certificates(part: dict[str, Any]) -> None:
    if part.pop("require_client_certificate", False):
        part["common_tls_context"].pop("validation_context_sds_secret_config")
    part.get("typed_per_filter_config", {}).pop("pillion.callers", None)
    _without("pillion.callers")(part)


def _any_host(part: dict[str, Any]) -> None:
    routes = part.get("routes", [])
    routes[:] = [route for route in routes if ":authority" not in json.dumps(route.get("match"))]


def _changed(change: Change) -> Callable[[str, str], str]:
    """Apply a change to every part of a file, from the outermost one on."""

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            change(part)
        for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            walk(inner)

    def changed(name: str, text: str) -> str:
        if not name.endswith(("listeners.yaml", "routes.yaml")):
            return text
        document = YAML(typ="safe").load(io.StringIO(text))
        walk(document)
        return json.dumps(document)

    return changed


@contextmanager
def _running(folder: Path, change: Change) -> Iterator[Target]:
    with rig.running(folder, SERVICES, changed=_changed(change)) as running, listening() as bait:
        host, port = running.edge
        nobody = Account("nobody@pillion.invalid", "")
        sidecar = running.sidecar()
        door = Door("orders", "sidecar", sidecar.host, sidecar.port)
        yield Target(
            origin=f"http://localhost:{port}",
            edge=Door("edge", "edge", host, port),
            sidecars=(door,),
            peers=(_as(running, door, edge_spiffe_id(MESH)),),
            intruders=(_as(running, door, spiffe_id(MESH, "stock")),),
            egresses=(),
            services=(),
            apart=(),
            insides=(),
            strays=(),
            calls=frozenset(),
            cookies=cookies(secure=False),
            places=Places(
                protected=Place("/api/things", "orders"),
                open=Place("/api/open", "orders"),
                guarded=Place("/api/reports", "orders"),
                telling=Place("/api/things", "orders"),
                telling_openly=Place("/api/open", "orders"),
            ),
            key=running.forge.jwk(),
            user=nobody,
            other=nobody,
            leaver=nobody,
            client=Client("none", "none", "none", "none"),
            token=running.forge.good(),
            browser=Browser("none", "none"),
            attacker=Browser("none", "none"),
            expired="",
            bait=bait,
        )


def _as(running: Rig, door: Door, name: str) -> Door:
    return door.by_tls(running.identified(name))


def _through(target: Target, family: Family) -> set[str]:
    assert family.control(target) is None
    found = set()
    for attack in family.attacks:
        try:
            outcome = attack.run(target)
        except (CannotBeTriedError, OSError):  # needs identity, which is not here
            continue
        if outcome.verdict is Verdict.THROUGH:
            found.add(attack.name)
    return found


WEAKENED = {
    "the filter on the token's shape": (
        _without("pillion.token-shape"),
        {
            authorization.FAMILY: {"xBearer", "behind Basic"},
            encodings.FAMILY: {"spelt with padding", "spelt with a last character that is not canonical"},
        },
    ),
    "the dropping of headers": (
        _lenient_headers,
        {headers.FAMILY: {"remote-user", "x-forwarded-user", "x-tenant-id", "with underscores"}},
    ),
    "the certificates of peers": (
        _no_certificates,
        {sidecars.FAMILY: {"without a certificate", "with a certificate of our own", "as another workload"}},
    ),
    "the look at the host": (_any_host, {requests.FAMILY: {"two hosts"}}),
}


@pytest.mark.parametrize("part", WEAKENED)
def test_what_a_part_of_the_configuration_stops_gets_through_without_it(tmp_path: Path, part: str) -> None:
    change, families = WEAKENED[part]
    with _running(tmp_path, change) as target:
        for family, expected in families.items():
            assert expected - _through(target, family) == set(), family.name


def test_with_all_of_them_nothing_gets_through(tmp_path: Path) -> None:
    with _running(tmp_path, lambda _: None) as target:
        for _, families in WEAKENED.values():
            for family in families:
                assert _through(target, family) == set(), family.name
