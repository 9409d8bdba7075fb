"""Nothing is left of an isolated mesh, however it ends; and nothing is started where it cannot be isolated."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests import mesh
from tests.cli.echo_mesh import ECHO, running_in, topology, write
from tests.local.waiting import until


def is_inhabited(network: int) -> bool:
    """Say whether a process is in the network of this descriptor; while it is open, no other gets its number."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.path.samestat((process / "ns" / "net").stat(), os.fstat(network)):
                return True
    return False


@contextmanager
def network_of(started: mesh.Mesh) -> Iterator[int]:
    """Open the network of the service."""
    network = os.open(f"/proc/{started.workload('echo', 'service')['pid']}/ns/net", os.O_RDONLY)
    try:
        yield network
    finally:
        os.close(network)


def test_after_a_kill_the_next_up_works_and_after_down_no_network_is_left(tmp_path: Path) -> None:
    interfaces = Path("/proc/net/dev").read_text(encoding="ascii").count(":")
    with ExitStack() as networks:
        with mesh.running(tmp_path, topology(), {"echo.py": ECHO}, how=["--isolate"]) as started:
            first = networks.enter_context(network_of(started))
            os.kill(started.status()["supervisor"], signal.SIGKILL)
            until(lambda: started.status()["supervisor"] is None, "the supervisor is gone")
            assert is_inhabited(first)
            again = started.pillion("up", "--detach", "--isolate", timeout=mesh.START_SECONDS)
            assert again.returncode == 0, again.stderr
            second = networks.enter_context(network_of(started))
            assert not is_inhabited(first)
            assert is_inhabited(second)
        assert not is_inhabited(second)
    assert Path("/proc/net/dev").read_text(encoding="ascii").count(":") == interfaces
    assert not running_in(tmp_path)


def test_without_the_rights_it_says_what_is_missing_and_starts_nothing(tmp_path: Path) -> None:
    file = write(tmp_path, topology())
    # A limit holds for all namespaces below the one in which it is set.
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    refused = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", forbid, "sh", *mesh.command(), "up", "--isolate", "-f", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert refused.stderr == (
        "Error: services cannot be isolated: this user may not make a user namespace: "
        "the system's limit is reached: let root raise it: "
        "'sysctl -a --pattern user.max_.*_namespaces' shows the limits\n"
    )
    assert not refused.stdout
    assert not running_in(tmp_path)


def test_an_ordinary_user_has_the_rights(tmp_path: Path) -> None:
    tried = "from pathlib import Path; from pillion.local.isolation import obstacles as o; "
    tried += f"o.refuse_without_rights(Path({str(tmp_path)!r}))"
    ordinary = ("unshare", "--user", "--map-user=1000", "--map-group=1000", sys.executable, "-c", tried)
    done = subprocess.run(ordinary, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_service_that_pillion_does_not_start_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, topology(extra="  other: {app: '127.0.0.1:1', paths: [/other]}\n"))
    refused = mesh.pillion(file, "up", "--detach", "--isolate")
    assert refused.returncode == 1
    assert refused.stderr == (
        "Error: services.other in pillion.yaml: --isolate holds for what 'pillion up' starts: say by 'run' how\n"
    )


def test_a_service_at_a_unix_socket_is_refused(tmp_path: Path) -> None:
    extra = "  other: {app: 'unix:/run/other.sock', run: 'python echo.py', paths: [/other]}\n"
    refused = mesh.pillion(write(tmp_path, topology(extra=extra)), "up", "--detach", "--isolate")
    assert refused.returncode == 1
    assert refused.stderr.startswith(
        "Error: services.other.app in pillion.yaml: any other service could open unix:/run/other.sock: "
    )
