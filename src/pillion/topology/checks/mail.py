"""What is proven by mail needs a way for mail to leave."""

from collections.abc import Iterator

from pillion.topology.draft import Draft
from pillion.topology.finding import Finding
from pillion.topology.mail import stays_here


def check_mail(draft: Draft) -> Iterator[Finding]:
    """Find a verification that is required where no mail is sent: nobody who signs up could ever sign in."""
    wanted, edge = draft.identity.verification, draft.edge
    if wanted is None or wanted.value != "required" or draft.identity.mail_given:
        return
    if edge.listen and edge.origin and not stays_here(edge.listen.value, edge.origin.value):
        message = "an address is confirmed by mail, and this mesh, which others reach, sends none"
        yield Finding(wanted.path, "verification-without-mail", message, "say through whom in identity.mail")
