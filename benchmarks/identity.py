"""What identity manages on one core: sign-ins, renewals, grants, refreshes.

`python -m benchmarks.identity [DATABASE]`, which is SQLite unless it is the URL of an empty PostgreSQL.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

import psutil

from benchmarks.load import Result, load_script
from benchmarks.processes import memory_mb, program, running
from pillion.identity import config as configuration
from pillion.identity.config import Config
from pillion.identity.prepare import prepare

PORT = 20010
USERS = 200
ROUNDS, SECONDS, CONNECTIONS = 3, 3, 16
HASHERS = max(1, (os.cpu_count() or 1) - 1)  # threads, see `pillion.identity.passwords`
PASSWORD = "correct horse battery staple"  # noqa: S105 - of accounts that live for a minute
SIGN_INS: Final = "sign-ins"
ORIGIN = f"http://127.0.0.1:{PORT}"

_SIGN_IN = """
local users, next = {}, 0
for line in io.lines("%s") do table.insert(users, line) end
request = function()
  next = next %% #users + 1
  local body = '{"email": "' .. users[next] .. '", "password": "%s"}'
  return wrk.format("POST", "/sign-in", { ["Content-Type"] = "application/json" }, body)
end
"""
_RENEW = """
local keys, next = {}, 0
for line in io.lines("%s") do table.insert(keys, line) end
request = function()
  next = next %% #keys + 1
  return wrk.format("GET", "/-/renewal/api/orders", { ["%s"] = keys[next] })
end
"""
_GRANT = """
local client
for line in io.lines("%s") do client = line end
request = function()
  local form = { ["Content-Type"] = "application/x-www-form-urlencoded" }
  return wrk.format("POST", "%s", form, "grant_type=client_credentials&" .. client)
end
"""
# A refresh token is good once, and the answer has the next one. Each run takes its first ones out of the file.
_REFRESH = """
local client, tokens = nil, {}
init = function()
  local all, name = {}, "%s"
  for line in io.lines(name) do table.insert(all, line) end
  client = table.remove(all, 1)
  local rest = io.open(name, "w")
  rest:write(client, "\\n")
  for number, token in ipairs(all) do
    if number <= 64 then table.insert(tokens, token) else rest:write(token, "\\n") end
  end
  rest:close()
end
request = function()
  local form = { ["Content-Type"] = "application/x-www-form-urlencoded" }
  local token = table.remove(tokens, 1)
  return wrk.format("POST", "%s", form, client .. "&grant_type=refresh_token&refresh_token=" .. token)
end
response = function(status, headers, body)
  table.insert(tokens, string.match(body, '"refresh_token": ?"([^"]+)"'))
end
"""


@dataclass(frozen=True)
class Measured:
    """One kind of request: how many a second, and the milliseconds of the core that each took."""

    name: str
    rates: list[float]
    cpu_ms: list[float]
    hashing: list[float]  # the share of its threads that make hashes

    @property
    def at_most(self) -> float:
        """How many a second the core would manage with nobody else on it, and a disk that takes no time."""
        return 1000 / statistics.median(self.cpu_ms)


# What is wanted of a core, and what Keycloak's guide for the size of machines counts with for a vCPU.
_WANTED: Final = {
    "renewals": (1200, None),
    "client-credential grants": (600, 120),
    "refreshes, with an ID token": (600, 120),
    SIGN_INS: (None, 15),
}


def report(database: str = "sqlite") -> None:
    """Start identity on one core, and print a table for docs/benchmarks.md; `database` as the topology has it."""
    wrk = program("wrk", "wrk")
    if wrk is None:
        sys.exit("make bench needs wrk: apt-get install wrk")
    measured, rest = 0, min(1, (os.cpu_count() or 1) - 1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = Config(mesh="bench", origin=ORIGIN, state=folder / "state", database=database)
        prepare(config)
        file = folder / "identity.json"
        file.write_text(config.model_dump_json(), encoding="utf-8")
        scripts = _scripts(folder)
        command = [sys.executable, "-m", "pillion.identity", "serve", "--bind", f"127.0.0.1:{PORT}"]
        with running(command, folder, PORT, {measured}, {configuration.VARIABLE: str(file)}) as server:
            before = _memory(server)
            rows = [
                _measure(kind, server, partial(load_script, wrk, ORIGIN, script, SECONDS, CONNECTIONS, rest))
                for kind, script in scripts.items()
            ]
            memory = _memory(server)
    print("\n| identity, one core | a second | CPU ms each | a second of CPU | wanted | Keycloak's guide |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for row in rows:
        wanted, guide = (str(number or "") for number in _WANTED.get(row.name, (None, None)))
        rate, cpu = statistics.median(row.rates), statistics.median(row.cpu_ms)
        print(f"| {row.name} | {rate:,.0f} | {cpu:.2f} | {row.at_most:,.0f} | {wanted} | {guide} |")
    for row in rows:
        if row.name == SIGN_INS:
            share, cpu = statistics.median(row.hashing), statistics.median(row.cpu_ms)
            print(f"\nOf a sign-in's {cpu:.1f} ms argon2 is {share * cpu:.1f}, {share:.0%} (wanted: 90%).")
    print(
        f"Memory of all its processes: {before:.0f} MB at rest, {memory:.0f} MB after this (Keycloak: 1,250)."
    )


def _scripts(folder: Path) -> dict[str, Path]:
    """Make accounts, sessions and keys, and what sends them."""
    from django.utils import timezone  # noqa: PLC0415 - needs the settings

    from pillion.identity import accounts, api_keys, sessions  # noqa: PLC0415
    from pillion.identity.models import Session, User  # noqa: PLC0415
    from pillion.identity.oauth import client_care, client_metadata  # noqa: PLC0415

    emails = [f"user{number}@example.org" for number in range(USERS)]
    accounts.add_user(emails[0], PASSWORD)
    first = User.objects.get(email=emails[0])
    User.objects.bulk_create(User(email=email, password=first.password) for email in emails[1:])
    now, cookies = timezone.now(), [sessions.new_key() for _ in emails]
    Session.objects.bulk_create(
        Session(
            key_hash=sessions.hash_of(cookie) or "",
            user=user,
            created_at=now,
            expires_at=now + timedelta(days=1),
            last_used_at=now,
            auth_time=now,
            client_id=sessions.EDGE_CLIENT,
        )
        for cookie, user in zip(cookies, User.objects.all(), strict=True)
    )
    keys = [api_keys.make(email, "bench").secret for email in emails]
    machine, secret = client_care.add(client_metadata.Wanted("machine"))
    granted = [f"client_id={machine.client_id}&client_secret={secret}"]
    return {
        SIGN_INS: _script(folder, "sign-ins", _SIGN_IN, emails, PASSWORD),
        "renewals": _script(folder, "renewals", _RENEW, cookies, "x-pillion-session"),
        "API keys exchanged": _script(folder, "keys", _RENEW, keys, "x-pillion-api-key"),
        "client-credential grants": _script(folder, "grants", _GRANT, granted, "/oauth2/token"),
        "refreshes, with an ID token": _script(folder, "refreshes", _REFRESH, _refreshed(), "/oauth2/token"),
    }


def _refreshed() -> list[str]:
    """Give what a client shows, and refresh tokens, each of a session of its own."""
    from django.utils import timezone  # noqa: PLC0415 - as above

    from pillion.identity.models import OAuthClient, Session  # noqa: PLC0415
    from pillion.identity.oauth import client_care, client_metadata, grant_sessions  # noqa: PLC0415

    made, secret = client_care.add(client_metadata.Wanted("app", redirect_uris=("https://app.example/",)))
    client = OAuthClient.objects.get(client_id=made.client_id)
    tokens = []
    for session in Session.objects.filter(client_id="edge")[: 64 * ROUNDS]:
        granted = grant_sessions.Granted(client, session, "openid email", ("bench",))
        tokens.append(grant_sessions.new_refresh_token(grant_sessions.open_session(granted, timezone.now())))
    return [f"client_id={client.client_id}&client_secret={secret}", *tokens]


def _script(folder: Path, name: str, text: str, lines: Sequence[str], word: str) -> Path:
    data, script = folder / f"{name}.txt", folder / f"{name}.lua"
    data.write_text("\n".join(lines), encoding="utf-8")
    script.write_text(text % (data, word), encoding="utf-8")
    return script


def _measure(name: str, server: psutil.Process, send: Callable[[], Result]) -> Measured:
    measured = Measured(name, [], [], [])
    for _ in range(ROUNDS):
        time.sleep(1)  # what the last run left under way is counted as tries of this address, still
        before = _threads(server)
        result = send()
        if not result.requests:
            raise SystemExit(f"{name}: none was answered in {SECONDS} s")
        used = sorted(time - before.get(thread, 0.0) for thread, time in _threads(server).items())
        measured.cpu_ms.append(sum(used) / result.requests * 1000)
        measured.rates.append(result.requests / result.seconds)
        measured.hashing.append(sum(used[-HASHERS:]) / sum(used))
    return measured


def _threads(server: psutil.Process) -> dict[tuple[int, int], float]:
    """Give the CPU seconds of each thread.

    While people sign in, those that make hashes are far ahead of all others.
    """
    return {
        (process.pid, thread.id): thread.user_time + thread.system_time
        for process in _family(server)
        for thread in process.threads()
    }


def _family(server: psutil.Process) -> list[psutil.Process]:
    return [server, *server.children(recursive=True)]


def _memory(server: psutil.Process) -> float:
    return sum(map(memory_mb, _family(server)))


if __name__ == "__main__":
    report(*sys.argv[1:2])
