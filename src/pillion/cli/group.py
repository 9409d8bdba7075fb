"""A verb with verbs of its own, whose help says of each the whole of its first sentence."""

import click

# More than a sentence has: click would cut it to what fits beside the name.
_WHOLE = 1000


class Group(click.Group):
    """Lists its commands like any group, and ends no line in the middle of what it says."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command's first sentence, over as many lines as it takes."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        lines = [(name, command.get_short_help_str(_WHOLE)) for name, command in found if command]
        with formatter.section("Commands"):
            formatter.write_dl(lines)
