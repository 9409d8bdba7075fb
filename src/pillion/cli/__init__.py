"""The command line: one thin command per verb, each in the file of its name."""

import importlib
import sys
from typing import Final

import click

from pillion.problem import InvalidInputError

# verb -> the one line that `pillion --help` shows. A verb's module is imported only when it is used, so that
# `pillion check` does not pay for Django.
VERBS: Final = {
    "init": "Write a commented pillion.yaml and a tiny service to start from.",
    "check": "Read the topology and say what is wrong with it.",
    "schema": "Print the JSON Schema of the topology file, for editors.",
    "up": "Start everything on this machine.",
    "down": "Stop what `up --detach` started.",
    "status": "Say what runs and how it is.",
    "logs": "Show the processes' output.",
    "audit": "Print who did what, hop by hop.",
    "user": "Manage accounts.",
    "session": "List and revoke what people are signed in with.",
    "client": "Manage the programs that sign people in through Pillion.",
    "keys": "List, rotate and revoke the keys that tokens are signed with.",
    "database": "Migrate, back up and move the database of accounts, sessions and keys.",
    "token": "Print a token, for curl.",
    "api-key": "Make, list and revoke keys for programs.",
    "attack": "Try known attacks on the running mesh.",
    "changes": "Print who changed what of accounts, sessions, clients and keys.",
    "render": "Write what Kubernetes, Docker Compose, Envoy or Prometheus reads, without running anything.",
    "inject": "Add the sidecar to Kubernetes manifests.",
}


class _Verbs(click.Group):
    """Finds a verb in `pillion.cli.<verb>`, which defines it as `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"pillion.cli.{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.command(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pillion", prog_name="pillion")
def _pillion() -> None:
    """Give every microservice an authenticated caller.

    \b
    Example:
        pillion init shop && cd shop
        pillion up
    """  # noqa: D301 - \b is click's mark for text to leave as it is


def main() -> None:
    """Run the command line; exit 0 done, 1 it failed, 2 the input is wrong, 130 interrupted."""
    try:
        code = _pillion.main(prog_name="pillion", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        code = 130
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except InvalidInputError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        code = 2
    sys.exit(code if isinstance(code, int) else 0)
