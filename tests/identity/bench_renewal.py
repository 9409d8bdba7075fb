"""Print how many renewals a second identity manages: `python -m tests.identity.bench_renewal [SECONDS]`.

First in this process, on one thread, without HTTP; then through the real server on a Unix socket. The last
line is what of that is the signature alone.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from tests.identity.conftest import CONFIG  # isort: skip - sets Django up, which the others need
from pillion.identity import config as configuration
from pillion.identity import issue, keys, tokens
from tests.identity.browser import signed_in
from tests.identity.test_server import COMMAND, UnixConnection, is_up, until


def rate(work: Callable[[], object], seconds: float) -> float:
    """Give how often a second `work` is done."""
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        work()
        done += 1
    return done / (time.perf_counter() - start)


def over_http(key: str, seconds: float, clients: int) -> float:
    """Give the renewals a second of the real server, asked by `clients` at once."""
    with tempfile.TemporaryDirectory() as folder:
        path, file = Path(folder) / "id.sock", Path(folder) / "identity.json"
        file.write_text(json.dumps(json.loads(CONFIG.model_dump_json())))
        with subprocess.Popen(
            [*COMMAND, "serve", "--uds", str(path)],
            env={configuration.VARIABLE: str(file)},
            stderr=subprocess.DEVNULL,
        ) as server:
            until(lambda: is_up(path))
            rates: list[float] = []

            def client() -> None:
                connection = UnixConnection(path)

                def renew() -> None:
                    connection.request("GET", "/-/renewal/", headers={"x-pillion-session": key})
                    answer = connection.getresponse()
                    answer.read()
                    assert answer.getheader("authorization")

                rates.append(rate(renew, seconds))
                connection.close()

            threads = [threading.Thread(target=client) for _ in range(clients)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            server.terminate()
    return sum(rates)


def main() -> None:
    """Measure, and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    browser = signed_in()
    grant = tokens.Grant(str(uuid.uuid4()), str(uuid.uuid4()), "edge", "ada@example.org", (), 1, ("pwd",))

    signer = issue.signer(keys.signing_kid())

    def sign() -> None:
        tokens.mint(signer, issue.realm(), grant, now=1, lifetime=300, jti=uuid.uuid4())

    print(f"in process, one thread: {rate(browser.renew, seconds):8.0f} renewals/s")  # noqa: T201 - a report
    for clients in (1, 4):
        found = over_http(browser.cookies["pillion-session"], seconds, clients)
        print(f"server, {clients} client(s):    {found:8.0f} renewals/s")  # noqa: T201
    print(f"the signature alone:    {rate(sign, seconds):8.0f} tokens/s")  # noqa: T201 - a report


if __name__ == "__main__":
    main()
