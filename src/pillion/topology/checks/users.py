"""A users service has to know that it is identity who asks, and is the only one who makes accounts."""

from collections.abc import Iterator

from pillion.topology.draft import Draft
from pillion.topology.finding import Finding


def check_users(draft: Draft) -> Iterator[Finding]:
    """Find a users service that anybody could ask, and a sign-up beside it."""
    users = draft.users
    if users is None:
        return
    certificate = users.tls_given and not (users.url and users.url.value.startswith("http://"))
    if not users.secret_given and not certificate:
        message = (
            "over http no certificate is shown, and so anybody on this machine could ask the service"
            if users.tls_given
            else "anybody could ask this service whether a password is right"
        )
        yield Finding(
            ("identity", "users"), "unproven-identity", message, "add 'secret: ${USERS_SECRET}'", on_key=True
        )
    if users.sign_up and users.sign_up.value == "open":
        yield Finding(
            users.sign_up.path,
            "sign-up-elsewhere",
            "accounts are made in the users service: nobody can sign up here",
            "write 'closed', or leave it out",
        )
