"""Load from wrk: a closed loop over keep-alive connections."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}

# Sends the tokens of a file in turn, so that no cache of a few tokens holds them all.
_IN_TURN = """
local tokens, next = {}, 0
for line in io.lines("%s") do table.insert(tokens, line) end
request = function()
  next = next %% #tokens + 1
  return wrk.format("GET", nil, { Authorization = "Bearer " .. tokens[next] })
end
"""


@dataclass(frozen=True)
class Result:
    """What one run of load gave."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float


def load(
    wrk: str, url: str, headers: Mapping[str, str], seconds: float, connections: int, core: int
) -> Result:
    """Send the same request over and over."""
    options = [option for name, value in headers.items() for option in ("-H", f"{name}: {value}")]
    return _run(wrk, [*options, url], seconds, connections, core)


def load_in_turn(
    wrk: str, url: str, tokens: Sequence[str], folder: Path, seconds: float, connections: int, core: int
) -> Result:
    """Send each of many tokens in turn."""
    (folder / "tokens").write_text("\n".join(tokens))
    (folder / "in_turn.lua").write_text(_IN_TURN % (folder / "tokens"))
    return _run(wrk, ["-s", str(folder / "in_turn.lua"), url], seconds, connections, core)


def load_script(wrk: str, url: str, script: Path, seconds: float, connections: int, core: int) -> Result:
    """Send what a script of wrk's makes."""
    return _run(wrk, ["-s", str(script), url], seconds, connections, core)


def _run(wrk: str, rest: Sequence[str], seconds: float, connections: int, core: int) -> Result:
    pinned = ["taskset", "-c", str(core)]
    command = [
        *pinned,
        wrk,
        "-t1",
        f"-c{connections}",
        f"-d{seconds:.0f}s",
        "--latency",
        "--timeout",
        "10s",
        *rest,
    ]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if refused := re.search(r"Non-2xx or 3xx responses: \d+|Socket errors: .*", output):
        raise SystemExit(f"{' '.join(rest)}: {refused[0]}")
    requests, took = re.search(r"(\d+) requests in ([\d.]+)(m?s|m)", output).group(1, 2)  # type: ignore[union-attr]
    return Result(int(requests), float(took), _percentile(output, 50), _percentile(output, 99))


def _percentile(output: str, percent: int) -> float:
    value, unit = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)", output).group(1, 2)  # type: ignore[union-attr]
    return float(value) * _UNITS[unit]
