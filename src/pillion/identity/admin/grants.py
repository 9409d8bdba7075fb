"""What people have allowed clients, and taking it back, by the code of `pillion user withdraw`."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from pillion.identity.accounts import AccountError
from pillion.identity.admin.page import Page
from pillion.identity.models import OAuthGrant
from pillion.identity.oauth import grant_care, grant_sessions

_MEANS = (
    "The tokens that clients hold for these people are refused everywhere from now on, and they are asked again "
    "before there are others. A client that is yours (first party) asks nobody, and gets them at the next sign-in."
)


class Grants(Page):
    """The grants of people that are alive; those of clients that act for themselves are among the sessions."""

    list_display = ("sid", "whose", "client_name", "scope", "audiences_said", "since", "used")
    list_display_links = ("sid",)
    list_select_related = ("session__user", "client")
    search_fields = ("client__name",)
    search_help_text = "A whole address of a user, or id; a client's id, or part of its name; a session (sid)"
    ordering = ("-session__created_at",)
    actions = ("withdraw",)
    shown = ("sid", "whose", "client_name", "scope", "audiences_said", "lasting", "since", "used")

    def get_queryset(self, request: HttpRequest) -> QuerySet[OAuthGrant]:
        """Give those of people that are alive, without the hashes of their refresh tokens."""
        alive = {"pk__in": grant_sessions.live_grants(timezone.now()).values("pk")}
        of_people = super().get_queryset(request).filter(**alive).exclude(session__user=None)
        return of_people.defer("selector_hash", "secret_hash")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[OAuthGrant], search_term: str
    ) -> tuple[QuerySet[OAuthGrant], bool]:
        """Search by whom, by the client, or by what stands in an audit log."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if "@" in term:
            return queryset.filter(session__user__email=term.lower()), False
        try:
            one = UUID(term)
        except ValueError:
            return queryset.filter(Q(client=term) | Q(client__name__icontains=term)), False
        return queryset.filter(Q(session=one) | Q(session__user=one)), False

    @admin.display(description="Session (sid)")
    def sid(self, grant: OAuthGrant) -> str:
        """Name its session."""
        return str(grant.session_id)

    @admin.display(description="Whose")
    def whose(self, grant: OAuthGrant) -> str:
        """Name the user."""
        return grant.session.user.email if grant.session.user else "-"

    @admin.display(description="Client")
    def client_name(self, grant: OAuthGrant) -> str:
        """Name the client."""
        return f"{grant.client.name} ({grant.client_id})"

    @admin.display(description="Audiences")
    def audiences_said(self, grant: OAuthGrant) -> str:
        """Name whom its tokens are for."""
        return " ".join(grant.audiences)

    @admin.display(description="Lasts when they have signed out", boolean=True)
    def lasting(self, grant: OAuthGrant) -> bool:
        """Say whether it ends with the session that it came from."""
        return grant.parent_id is None

    @admin.display(description="Allowed")
    def since(self, grant: OAuthGrant) -> Any:
        """Say when."""
        return grant.session.created_at

    @admin.display(description="Last used")
    def used(self, grant: OAuthGrant) -> Any:
        """Say when."""
        return grant.session.last_used_at

    @admin.action(description="Take back", permissions=["order"])
    def withdraw(self, request: HttpRequest, found: QuerySet[OAuthGrant]) -> HttpResponse | None:
        """Do what `pillion user withdraw --client` does."""
        if (page := self.confirmed(request, found, "Take back", _MEANS)) is not None:
            return page
        done: set[tuple[str, str]] = set()

        def withdraw(grant: OAuthGrant) -> None:
            if grant.session.user is None:
                raise AccountError("the account is deleted, and its grants with it")
            one = (grant.session.user.email, grant.client_id)
            if one not in done:  # several grants of one client are taken back together
                grant_care.withdraw(*one)
                done.add(one)

        self.each(request, found, withdraw, "Taken back")
        return self.back(request)
