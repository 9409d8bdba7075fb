"""Start what is measured, each on the cores it is given, and read what it used."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

PATIENCE_SECONDS = 15.0


@contextmanager
def running(
    command: Sequence[str],
    folder: Path,
    port: int,
    cores: set[int],
    environ: Mapping[str, str] | None = None,
) -> Iterator[psutil.Process]:
    """Run `command` in `folder` until the block ends, once `port` accepts connections."""
    log = folder / f"{port}.log"
    with log.open("w") as output:
        process = psutil.Popen(
            list(command),
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environ or {})},
        )
        if hasattr(process, "cpu_affinity"):  # Linux
            process.cpu_affinity(sorted(cores))
        try:
            _wait(process, port, log)
            yield process
        finally:
            process.terminate()
            process.wait()


def _wait(process: psutil.Popen, port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"{process.args[0]} ended at once:\n{log.read_text()}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise SystemExit(f"nothing listens on port {port} after {PATIENCE_SECONDS:.0f} s:\n{log.read_text()}")


def cpu_seconds(process: psutil.Process) -> float:
    """Give the CPU time that a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


def memory_mb(process: psutil.Process) -> float:
    """Give a process's proportional set size (PSS) in MB, or the unique set size where there is no PSS."""
    memory = process.memory_full_info()
    return float(getattr(memory, "pss", memory.uss)) / 1e6


def program(name: str, package: str) -> str | None:
    """Find a program, or try to install its Debian package."""
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    if found is None and shutil.which("apt-get") is not None:
        subprocess.run(["apt-get", "install", "-y", "-qq", package], check=False, capture_output=True)
        found = shutil.which(name, path="/usr/sbin:/usr/bin")
    return found
