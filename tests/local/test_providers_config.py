"""What identity is told of identity providers, and that it understands it."""

import stat
from pathlib import Path

from pillion.identity import config
from pillion.local import folder, identity_config
from pillion.topology import load

SECRET = "s3cret-of-the-client"


def test_identity_is_told_of_providers_in_their_order_and_nobody_else_is(tmp_path: Path) -> None:
    (tmp_path / "pillion.yaml").write_text(
        "mesh: shop\n"
        "identity:\n"
        "  providers:\n"
        "    okta:\n"
        "      issuer: https://example.okta.com\n"
        "      client_id: shop\n"
        "      client_secret: ${OKTA_SECRET}\n"
        "      title: Example Inc.\n"
        "      scopes: [groups]\n"
        "      roles: {claim: realm.groups, map: {'Shop / managers': manager}}\n"
        "    microsoft: {client_id: shop, client_secret: x, tenant: 5C7D2A9E-0d3b-4a53-9b1c-1f1f6b1f2c3d}\n"
        "services: {a: {app: 127.0.0.1:7001}}\n"
    )
    state = folder.of(tmp_path / "pillion.yaml")
    folder.make(state)
    topology = load(tmp_path / "pillion.yaml", {"OKTA_SECRET": SECRET})
    assert SECRET not in repr(topology) + topology.model_dump_json()
    assert identity_config.write(state, topology)
    told = config.read(state.identity_config)
    assert told.providers == (
        config.Provider(
            name="okta",
            issuer="https://example.okta.com",
            client_id="shop",
            client_secret=SECRET,
            title="Example Inc.",
            scopes=("groups",),
            roles=config.ProviderRoles(claim=("realm", "groups"), groups={"Shop / managers": "manager"}),
        ),
        config.Provider(
            name="microsoft",
            client_id="shop",
            client_secret="x",
            tenant="5c7d2a9e-0d3b-4a53-9b1c-1f1f6b1f2c3d",
        ),
    )
    assert SECRET not in repr(told)
    assert stat.S_IMODE(state.identity_config.stat().st_mode) == 0o600
    assert not identity_config.write(state, topology)
