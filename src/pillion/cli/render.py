"""`pillion render`: the files, without running anything."""

import click

from pillion.cli.group import Group
from pillion.cli.render_compose import command as compose
from pillion.cli.render_envoy import command as envoy
from pillion.cli.render_kubernetes import command as kubernetes
from pillion.cli.render_monitoring import command as monitoring


@click.group(cls=Group)
def command() -> None:
    """Write what a topology comes to, without running anything."""


command.add_command(compose)
command.add_command(envoy)
command.add_command(kubernetes)
command.add_command(monitoring)
