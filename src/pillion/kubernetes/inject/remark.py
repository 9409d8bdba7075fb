"""What injection says of a pod: a warning, or why it has to refuse."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]
Manifest = dict[str, Any]


@dataclass(frozen=True, order=True)
class Remark:
    """What is to be said of the part at `path` of a pod template (its `metadata` and `spec`)."""

    path: Path
    message: str
    hint: str = ""

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{key(self.path)}: {self.message}{hint}"


class RefusedError(Exception):
    """A pod cannot be protected as it stands; carries every reason."""

    def __init__(self, remarks: Sequence[Remark]) -> None:
        self.remarks = tuple(remarks)
        super().__init__("\n".join(map(str, remarks)))


def key(path: Path) -> str:
    """Write a path as Kubernetes' own errors do: spec.containers[0].env[1]."""
    words = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(words).removeprefix(".")
