"""What identity is told of a users service, and that it understands it."""

import stat
from pathlib import Path

from pillion.identity import config
from pillion.local import folder, identity_config
from pillion.topology import load
from tests.certificates import pair

SECRET = "a secret of more than thirty-two characters"


def test_identity_is_told_of_a_users_service_and_that_nobody_signs_up(tmp_path: Path) -> None:
    """Files are found beside the topology, from wherever identity runs; the secret is for this user alone."""
    made = pair()
    (tmp_path / "id.crt").write_text(made.certificate)
    (tmp_path / "id.key").write_text(made.key)
    (tmp_path / "ca.pem").write_text(made.certificate)
    (tmp_path / "pillion.yaml").write_text(
        "mesh: shop\n"
        "identity:\n"
        "  users:\n"
        "    url: https://users.example/check\n"
        "    secret: ${USERS_SECRET}\n"
        "    tls: {certificate: id.crt, key: id.key}\n"
        "    authority: ca.pem\n"
        "    local_accounts: adopt\n"
        "services: {a: {app: 127.0.0.1:7001}}\n"
    )
    state = folder.of(tmp_path / "pillion.yaml")
    folder.make(state)
    topology = load(tmp_path / "pillion.yaml", {"USERS_SECRET": SECRET})
    assert SECRET not in repr(topology)
    assert identity_config.write(state, topology)
    told = config.read(state.identity_config)
    assert told.sign_up == "closed"
    assert told.users == config.Users(
        url="https://users.example/check",
        secret=SECRET,
        certificate=tmp_path / "id.crt",
        key=tmp_path / "id.key",
        authority=tmp_path / "ca.pem",
        local_accounts="adopt",
    )
    assert stat.S_IMODE(state.identity_config.stat().st_mode) == 0o600
