"""The site: which pages there are, and that each is guarded."""

from typing import Any, Final

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver

from pillion.identity.admin import access
from pillion.identity.admin.api_keys import ApiKeys
from pillion.identity.admin.changes import Changes
from pillion.identity.admin.clients import Clients
from pillion.identity.admin.grants import Grants
from pillion.identity.admin.keys import Keys
from pillion.identity.admin.linked_accounts import LinkedAccounts
from pillion.identity.admin.sessions import Sessions
from pillion.identity.admin.users import Users
from pillion.identity.models import ApiKey, Change, OAuthClient, OAuthGrant, Session, SigningKey, User

# Our own pages do these; or nobody does.
_ABSENT = frozenset(
    {"login", "logout", "password_change", "password_change_done", "autocomplete", "view_on_site"}
)
# Django's own script is run here, from its files; styles that a script sets are no inline styles.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Site(admin.AdminSite):
    """Django's admin, without its own sign-in and without its own log: ours stand in their place."""

    site_title = "Pillion"
    index_title = "What there is"
    site_url = None
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        """Say who is let in."""
        return access.may_see(request.user)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Guard a page, and say what it may load."""
        inner = super().admin_view(view, cacheable)

        def with_policy(request: HttpRequest, *arguments: Any, **options: Any) -> HttpResponse:
            response: HttpResponse = inner(request, *arguments, **options)
            response.headers.setdefault("Content-Security-Policy", _POLICY)
            return response

        return access.guarded(with_policy)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Give what every page shows."""
        return {**super().each_context(request), "site_header": f"{settings.PILLION.mesh}: admin"}

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """List the pages in the order below, not by the letter."""
        order = [model.__name__ for model, _ in PAGES]
        return [
            {**app, "models": sorted(app["models"], key=lambda one: order.index(one["object_name"]))}
            for app in super().get_app_list(request, app_label)
        ]

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Give the pages that there are."""
        return [one for one in super().get_urls() if getattr(one, "name", None) not in _ABSENT]


PAGES: Final = (
    (User, Users),
    (SocialAccount, LinkedAccounts),
    (Session, Sessions),
    (ApiKey, ApiKeys),
    (OAuthClient, Clients),
    (OAuthGrant, Grants),
    (SigningKey, Keys),
    (Change, Changes),
)

site = Site(name="admin")
site.disable_action("delete_selected")
for _model, _page in PAGES:
    site.register(_model, _page)
