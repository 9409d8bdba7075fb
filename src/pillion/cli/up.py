"""`pillion up`: starts everything on this machine."""

import os
import sys
import time
from pathlib import Path

import click

from pillion.cli import topology_option
from pillion.local import LocalError, background, folder, identity_config, mailbox
from pillion.local.view import View


@click.command
@topology_option.option
@click.option("-d", "--detach", is_flag=True, help="Return when all is ready; 'pillion down' stops it.")
@click.option(
    "--isolate", is_flag=True, help="Give each service a network of its own, with its sidecar alone (Linux)."
)
def command(file: Path | None, *, detach: bool, isolate: bool) -> None:
    """Start everything on this machine: identity, the services, their sidecars, and the edge.

    Shows how the start goes on and then what the processes print, until Ctrl-C, which stops all of it, in
    order; a second Ctrl-C ends it at once. A process that dies is started again. When the topology file is
    edited, what has changed is taken up while the rest goes on; an edit with a mistake changes nothing.
    State lies in .pillion/ beside the topology file.

    With --isolate nobody reaches a service but through its sidecar, and a service reaches nothing but its sidecar:
    not the internet either. It takes no root on most systems.

    \b
    Example:
        pillion up
        pillion up --detach && curl http://localhost:8080/
        pillion up --isolate
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    began = time.monotonic()
    path, topology = topology_option.read(file)
    view = View(sys.stdout, lines=not detach)
    code = 0
    try:
        if detach:
            background.detach(path, view, isolate=isolate)
            view.ready(f"ready in {time.monotonic() - began:.1f} s — {topology.edge.origin}")
            if key := identity_config.mailbox_key(folder.of(path), topology):
                view.note(f"mail stays on this machine: {mailbox.page(topology.edge.origin, key)}")
        else:
            from pillion.local import up as sequence  # noqa: PLC0415 - who detaches only waits for it

            code = sequence.run(path, topology, view, isolate=isolate)
    except LocalError as error:
        view.close()
        raise click.ClickException(str(error)) from None
    finally:
        written = view.close()
    if not written:
        os._exit(code)  # a stopped terminal holds the stream's lock: Python would wait for it
    click.get_current_context().exit(code)
