"""Programs that people sign in to through us, or that act for themselves; by the code of `pillion client`."""

from typing import Any, Final

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from pillion.identity.admin.client_form import AddForm, ChangeForm
from pillion.identity.admin.page import Page
from pillion.identity.models import OAuthClient
from pillion.identity.oauth import client_care, service_accounts

# Of a client that can be changed.
_FIXED: Final = ("client_id", "kind", "created_at")


class Clients(Page):
    """The clients; those that the mesh's own services are come and go with pillion.yaml."""

    list_display = ("name", "client_id", "kind", "grants", "scopes_said", "created_at")
    search_fields = ("name", "client_id")
    search_help_text = "Part of a name or an id"
    ordering = ("name", "client_id")
    actions = ("new_secret", "remove")
    shown = (
        "name",
        "client_id",
        "kind",
        "first_party",
        "grants",
        "redirects",
        "scopes_said",
        "audiences_said",
        "roles_said",
        "post_logout_redirects",
        "backchannel_logout_uri",
        "created_at",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let operators register clients."""
        return self.has_order_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: OAuthClient | None = None) -> bool:
        """Let operators change clients; not those that the mesh's own services are."""
        of_the_mesh = obj is not None and service_accounts.is_one(obj.client_id)
        return self.has_order_permission(request) and not of_the_mesh

    def get_form(
        self,
        request: HttpRequest,
        obj: OAuthClient | None = None,
        change: bool = False,
        **options: Any,
    ) -> Any:
        """Give the form for a new client, or to change one; who may not is shown what there is."""
        if obj is None:
            return AddForm
        if self.has_change_permission(request, obj):
            return ChangeForm
        return super().get_form(request, obj, change, **options)

    def get_fields(self, request: HttpRequest, obj: OAuthClient | None = None) -> Any:
        """Likewise."""
        if obj is None:
            return tuple(AddForm().fields)
        if self.has_change_permission(request, obj):
            return (*_FIXED, *ChangeForm.base_fields)
        return super().get_fields(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: OAuthClient | None = None) -> Any:
        """Name what stays as it is."""
        if obj is not None and self.has_change_permission(request, obj):
            return _FIXED
        return super().get_readonly_fields(request, obj)

    def save_model(self, request: HttpRequest, obj: OAuthClient, form: Any, change: bool) -> None:
        """Do nothing: the form has done it."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Leave that to the record of changes."""

    def response_change(self, request: HttpRequest, obj: OAuthClient) -> HttpResponse:
        """Show it as it is now."""
        self.message_user(request, f"{obj.name} is as you see it below.", messages.SUCCESS)
        return HttpResponseRedirect(request.path)

    def response_add(
        self,
        request: HttpRequest,
        obj: OAuthClient,
        post_url_continue: str | None = None,
    ) -> HttpResponse:
        """Show the id, and the secret, this once."""
        return self._show(request, "Registered", [(obj, vars(obj).get("secret_once"))])

    @admin.display(description="Kind")
    def kind(self, client: OAuthClient) -> str:
        """Say what it can prove."""
        return "public" if client.public else "has a secret"

    @admin.display(description="Grants")
    def grants(self, client: OAuthClient) -> str:
        """Name the grants, as the command line does."""
        return ", ".join(grant.rpartition(":")[2] for grant in client.grant_types)

    @admin.display(description="Scopes")
    def scopes_said(self, client: OAuthClient) -> str:
        """Name the scopes."""
        return " ".join(client.scopes) or "-"

    @admin.display(description="Audiences")
    def audiences_said(self, client: OAuthClient) -> str:
        """Name the audiences."""
        return " ".join(client.audiences)

    @admin.display(description="Roles")
    def roles_said(self, client: OAuthClient) -> str:
        """Name its own roles."""
        return " ".join(client.roles) or "-"

    @admin.display(description="Redirect URIs")
    def redirects(self, client: OAuthClient) -> str:
        """Name where people come back to."""
        return " ".join(client.redirect_uris) or "-"

    @admin.display(description="Post-logout redirect URIs")
    def post_logout_redirects(self, client: OAuthClient) -> str:
        """Name where people are sent after signing out."""
        return " ".join(client.post_logout_redirect_uris) or "-"

    @admin.action(description="Give another secret", permissions=["order"])
    def new_secret(self, request: HttpRequest, found: QuerySet[OAuthClient]) -> HttpResponse | None:
        """Do what `pillion client new-secret` does."""
        means = "The secrets that they have now are good no more."
        if (page := self.confirmed(request, found, "Give another secret", means)) is not None:
            return page
        made: list[tuple[OAuthClient, str | None]] = []
        self.each(
            request,
            found,
            lambda client: made.append((client, client_care.new_secret(client.client_id))),
            "Done",
        )
        return self._show(request, "Another secret", made) if made else self.back(request)

    @admin.action(description="Remove", permissions=["order"])
    def remove(self, request: HttpRequest, found: QuerySet[OAuthClient]) -> HttpResponse | None:
        """Do what `pillion client delete` does."""
        means = "Nobody signs in through them any more, and what they were granted ends now."
        if (page := self.confirmed(request, found, "Remove", means)) is not None:
            return page
        self.each(request, found, lambda client: client_care.delete(client.client_id), "Removed")
        return self.back(request)

    def _show(
        self, request: HttpRequest, title: str, made: list[tuple[OAuthClient, str | None]]
    ) -> HttpResponse:
        """Show secrets in this answer alone: they are kept nowhere."""
        context = {**self.admin_site.each_context(request), "title": title, "made": made, "opts": self.opts}
        return render(request, "admin/pillion/secrets.html", context)
