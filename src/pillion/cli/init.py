"""`pillion init`: a commented topology and a tiny service, to start from."""

import importlib.resources
import re
from pathlib import Path
from typing import Final

import click

_NEW: Final = ("pillion.yaml", "hello.py")
_IGNORED: Final = ".pillion/"
# The mesh's name in the template, with the blanks up to the comment behind it.
_MESH: Final = "MESH".ljust(29)
# What a folder must be called for the mesh to take its name: a mesh is a DNS label.
_LABEL: Final = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


@click.command
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
    """Write a commented pillion.yaml and a tiny service to start from, into DIR or this folder.

    Overwrites nothing: if one of the files is there already, nothing is written.

    \b
    Example:
        pillion init shop && cd shop
        pillion up
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    in_the_way = [
        str(folder / name) for name in _NEW if (folder / name).is_symlink() or (folder / name).exists()
    ]
    if in_the_way:
        verb = "is there" if len(in_the_way) == 1 else "are there"
        raise click.ClickException(f"{' and '.join(in_the_way)} {verb} already; nothing was written")
    try:
        ignore = _write(folder)
    except OSError as error:
        reason = (error.strerror or "input/output error").lower()
        raise click.ClickException(f"cannot write {error.filename or folder}: {reason}") from None
    click.echo(f"Wrote {folder / 'pillion.yaml'}, {folder / 'hello.py'}{ignore}.\n\nNext:")
    if folder != Path():
        click.echo(f"  cd {folder}")
    click.echo("  pillion up       # then open http://localhost:8080 and sign up")
    click.echo("  pillion check    # after each change of pillion.yaml")


def _write(folder: Path) -> str:
    """Write all files or none; say what became of .gitignore."""
    folder.mkdir(parents=True, exist_ok=True)
    name = folder.resolve().name
    written: list[Path] = []
    try:
        for new in _NEW:
            text = _template(new).replace(
                _MESH, (name if _LABEL.fullmatch(name) else "hello").ljust(len(_MESH)), 1
            )
            with (folder / new).open("x", encoding="utf-8") as file:
                written.append(folder / new)
                file.write(text)
        return _ignore_state(folder / ".gitignore")
    except OSError:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def _ignore_state(path: Path) -> str:
    """Have git leave the state folder out, keeping what the file holds."""
    if not path.exists():
        path.write_text(_template("gitignore"), encoding="utf-8")
        return f" and {path}"
    known = path.read_bytes()
    if any(
        line.strip() in {b".pillion", b".pillion/", b"/.pillion", b"/.pillion/"}
        for line in known.splitlines()
    ):
        return f"; {path} was right already"
    with path.open("ab") as file:
        file.write((b"" if not known or known.endswith(b"\n") else b"\n") + _template("gitignore").encode())
    return f" and added {_IGNORED} to {path}"


def _template(name: str) -> str:
    templates = importlib.resources.files("pillion.cli") / "templates"
    return (templates / f"{name}.template").read_text(encoding="utf-8")
