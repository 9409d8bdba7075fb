"""`pillion schema`: the JSON Schema of the topology file."""

import json

import click

from pillion.topology import json_schema


@click.command
def command() -> None:
    """Print the JSON Schema of the topology file, for editors.

    \b
    Example:
        pillion schema > pillion.schema.json
        # then, as the first line of pillion.yaml:
        # yaml-language-server: $schema=pillion.schema.json
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    click.echo(json.dumps(json_schema(), indent=2))
