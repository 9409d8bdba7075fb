"""An audit log that is full is set aside while requests go on: each has its line, once."""

import asyncio
import threading
from pathlib import Path

import pytest

from pillion.audit.record import Damage, files, past
from pillion.local import audit_files
from pillion.local.folder import StateFolder
from tests import wire
from tests.envoy import rig
from tests.local.waiting import until

REQUESTS = 600


def test_no_line_is_lost_when_a_log_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with rig.running(
        tmp_path, "  orders: {app: APP, paths: [/], rules: [{path: /, allow: anyone}]}\n"
    ) as mesh:
        monkeypatch.chdir(mesh.folder)
        folder, done = StateFolder(mesh.folder), threading.Event()

        def ask() -> None:
            for number in range(REQUESTS):
                wire.ask(mesh.edge, f"GET /n/{number} HTTP/1.1", "host: x")
            done.set()

        asking = threading.Thread(target=ask)
        asking.start()
        while not done.wait(0.05):
            asyncio.run(audit_files.look(folder, mesh.plan, full=60_000))
        asking.join()

        def written() -> list[str]:
            return sorted(
                line.path
                for line in past(files(folder.audit, "orders"), Damage())
                if line.path.startswith("/n/")
            )

        until(lambda: len(written()) >= REQUESTS, "a line for each request")
        assert written() == sorted(f"/n/{number}" for number in range(REQUESTS))
        assert len(list(folder.audit.glob("orders.jsonl.*"))) > 1
