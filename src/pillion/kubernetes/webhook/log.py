"""The webhook's log: a line on standard output."""


def say(line: str) -> None:
    """Write a line."""
    print(line, flush=True)  # noqa: T201 - a pod's log is its output
