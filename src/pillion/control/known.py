"""Keeps what the Envoys were told last in files, for those that start while control is away."""

import os
from pathlib import Path

from pillion.control.facts import Facts
from pillion.envoy.known import known_files


def write_known(envoys: Path, facts: Facts) -> None:
    """Replace the files below `envoys`, each in one step (0600); a set without keys leaves the last one."""
    for name, text in known_files(facts.jwks, facts.revoked).items():
        if facts.keys or not name.endswith("jwks.json"):
            _replace(envoys / name, text)


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.control")
    draft.unlink(missing_ok=True)
    with os.fdopen(
        os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)
    draft.replace(path)
