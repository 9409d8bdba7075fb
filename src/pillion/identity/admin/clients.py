"""Programs that people sign in to through us, or that act for themselves; by the code of `pillion client`."""

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from pillion.identity.accounts import AccountError, InvalidAccountError
from pillion.identity.admin.page import Page
from pillion.identity.models import OAuthClient
from pillion.identity.oauth import client_care
from pillion.identity.oauth.client_care import GRANT_NAMES, Wanted

_LINES: Final[dict[str, Any]] = {"widget": forms.Textarea({"rows": 3}), "required": False}


class _AddForm(forms.ModelForm):  # type: ignore[type-arg]  # none at run time
    """What `pillion client add` asks for."""

    name = forms.CharField(max_length=100)
    public = forms.BooleanField(
        required=False, help_text="It can keep no secret: an app, or a page's script."
    )
    first_party = forms.BooleanField(
        required=False, help_text="It is yours: people are not asked whether they allow it."
    )
    redirect_uris = forms.CharField(
        **_LINES, label="Redirect URIs", help_text="One a line; where people come back to."
    )
    grants = forms.MultipleChoiceField(
        required=False,
        choices=[(name, name) for name in GRANT_NAMES],
        widget=forms.CheckboxSelectMultiple,
        help_text="None: sign-in and refresh where there is a redirect URI, else client_credentials.",
    )
    scopes = forms.CharField(required=False, help_text="With spaces between. None: openid email.")
    audiences = forms.CharField(required=False, help_text="With spaces between. None: the mesh.")
    roles = forms.CharField(
        required=False, help_text="Of a program that acts for itself; with spaces between."
    )
    post_logout_redirect_uris = forms.CharField(
        **_LINES, label="Post-logout redirect URIs", help_text="One a line."
    )
    backchannel_logout_uri = forms.CharField(required=False, label="Back-channel logout URI")

    secret: str | None = None

    class Meta:
        """Nothing of the row itself is typed."""

        model = OAuthClient
        fields = ()

    def clean(self) -> dict[str, Any]:
        """Register it at once: only that tells whether it can be."""
        given = super().clean() or {}
        if not self.errors:
            try:
                made, self.secret = client_care.add(_wanted(given))
            except (AccountError, InvalidAccountError) as error:
                raise forms.ValidationError(str(error)) from None
            self.instance = OAuthClient.objects.get(pk=made.client_id)
        return given

    def save(self, commit: bool = True) -> Any:
        """Give the client; it is there. Its secret goes along, to be shown once."""
        self.instance.secret_once = self.secret
        return self.instance

    def save_m2m(self) -> None:
        """Do nothing: Django asks for it."""


def _wanted(given: dict[str, Any]) -> Wanted:
    def words(name: str) -> tuple[str, ...]:
        return tuple(given[name].split())

    return Wanted(
        name=given["name"],
        public=given["public"],
        first_party=given["first_party"],
        redirect_uris=words("redirect_uris"),
        grants=tuple(given["grants"]),
        scopes=words("scopes"),
        audiences=words("audiences"),
        roles=words("roles"),
        post_logout_redirect_uris=words("post_logout_redirect_uris"),
        backchannel_logout_uri=given["backchannel_logout_uri"].strip(),
    )


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
        "created_at",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let operators register clients."""
        return self.has_order_permission(request)

    def get_form(
        self,
        request: HttpRequest,
        obj: OAuthClient | None = None,
        change: bool = False,
        **options: Any,
    ) -> Any:
        """Give the form for a new client; there is no other."""
        return _AddForm if obj is None else super().get_form(request, obj, change, **options)

    def get_fields(self, request: HttpRequest, obj: OAuthClient | None = None) -> Any:
        """Likewise."""
        return tuple(_AddForm.base_fields) if obj is None else super().get_fields(request, obj)

    def save_model(self, request: HttpRequest, obj: OAuthClient, form: Any, change: bool) -> None:
        """Do nothing: the form has made it."""

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
