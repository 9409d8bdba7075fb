"""Writes docs/attacks.md from the catalogue: `python -m tests.attack.page`, as `make goldens` does."""

from pathlib import Path

from pillion.attack.catalogue import FAMILIES
from pillion.attack.outcome import Attack

PAGE = Path(__file__).parents[2] / "docs" / "attacks.md"
INTRODUCTION = """# The attacks

`pillion attack` tries these on the mesh that runs here, one after the other, and only at the addresses of that
mesh. It makes three accounts and a client for it (`attack-…@pillion.invalid`), and removes them in the end, on
Ctrl-C as well. It exits 1 if an attack got through, or if nobody can tell.

| verdict | means |
| --- | --- |
| held | the mesh refused, or what was sent changed nothing |
| got through | it did not. Please [report it](../SECURITY.md) |
| unclear | no answer, a failure of the mesh's own, or the right credentials are let in no more; fails the run |
| known | it gets through where [SECURITY.md](../SECURITY.md) says so |
| skipped | it cannot be tried here, and says why; it counts as nothing |

Each family first makes its request with the right credentials: only where those are let in does a refusal tell
anything. After every attack the mesh must let in who it should. `tests/attack` runs every family against gateways
that have the weakness, where it must get through. `tests/cluster` runs all of them on the rendered manifests: from
outside, and from pods that somebody has taken over.

This page is written from the catalogue (`src/pillion/attack/families/`) by `make goldens`.
"""


def written() -> str:
    """Give the page: a heading for each family, a row for each attack."""
    count = sum(len(family.attacks) for family in FAMILIES)
    parts = [INTRODUCTION, f"{count} attacks in {len(FAMILIES)} families.\n"]
    for family in FAMILIES:
        title = family.name[0].upper() + family.name[1:]
        rows = "\n".join(_row(attack) for attack in family.attacks)
        parts.append(f"## {title}\n\n| attack | tried | known from |\n| --- | --- | --- |\n{rows}\n")
    return "\n".join(parts)


def _row(attack: Attack) -> str:
    return f"| {_cell(attack.name)} | {_cell(attack.tried)} | {_cell(attack.reference)} |"


def _cell(text: str) -> str:
    shown = text if len(text) <= 100 else f"{text[:99]}…"
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in shown)
    for special in "\\|<>*_`[]":
        shown = shown.replace(special, f"\\{special}")
    return shown


if __name__ == "__main__":
    PAGE.write_text(written(), encoding="utf-8")
