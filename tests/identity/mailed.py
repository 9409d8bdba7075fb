"""What identity has mailed: its queue is emptied into the local mailbox of this process, as its thread does."""

import re

from django.conf import settings
from django.utils import timezone

from pillion.identity.mail import mailbox, sender
from pillion.identity.mail.mailbox import Letter


def mails_to(address: str) -> list[Letter]:
    """Send what is due; gives what an address has been mailed, the first mail first."""
    sender.send_due(timezone.now())
    folder = settings.PILLION.mailbox
    assert folder is not None, "this mesh has no mailbox"
    return [letter for letter in reversed(mailbox.letters(folder)) if letter.to == address]


def last_mail_to(address: str) -> Letter:
    """Give the last mail to an address."""
    mails = mails_to(address)
    assert mails, f"no mail to {address}"
    return mails[-1]


def subjects_to(address: str) -> list[str]:
    """Give the subjects of what an address has been mailed."""
    return [letter.subject for letter in mails_to(address)]


def link_to(address: str, page: str) -> str:
    """Give the path of the last link to a page that an address was mailed: `/account/verify?key=…`."""
    for letter in reversed(mails_to(address)):
        if found := re.search(rf"http://localhost:8080(/account/{page}\?key=\S+)", letter.text):
            return found[1]
    raise AssertionError(f"no link to {page} was mailed to {address}")


def key_to(address: str, page: str) -> str:
    """Give the key of that link."""
    return link_to(address, page).partition("key=")[2]
