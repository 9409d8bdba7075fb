"""On a user's page: what they have allowed which client, and when it last used that."""

from typing import Final

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe

from pillion.identity.models import User
from pillion.identity.oauth import grant_care
from pillion.identity.oauth.grant_care import Allowed

_HEAD: Final = mark_safe(  # noqa: S308 - a constant
    "<thead><tr>"
    + "".join(
        f'<th scope="col">{name}</th>'
        for name in ("Client", "Scopes", "Audiences", "Since", "Last used", "Consent")
    )
    + "</tr></thead>"
)


def table(user: User) -> SafeString | str:
    """Write it as a table."""
    found = grant_care.allowed(user)
    if not found:
        return "none"
    rows = format_html_join("", "<tr>{}</tr>", ((_row(one, user),) for one in found))
    return format_html('<div class="allowed"><table>{}<tbody>{}</tbody></table></div>', _HEAD, rows)


def _row(one: Allowed, user: User) -> SafeString:
    there = f"{reverse('admin:identity_oauthgrant_changelist')}?{urlencode({'q': user.email})}"
    name = format_html('<a href="{}">{}</a>', there, one.client) if one.since else one.client
    cells = (
        name,
        " ".join(one.scopes),
        " ".join(one.audiences),
        "-" if one.since is None else date_format(one.since, "DATETIME_FORMAT"),
        "-" if one.last_used is None else date_format(one.last_used, "DATETIME_FORMAT"),
        "remembered" if one.remembered else "-",
    )
    return format_html_join("", "<td>{}</td>", ((cell,) for cell in cells))
