"""API keys: whose programs use what, and revoked by the code of `pillion api-key revoke`."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from pillion.identity import api_keys
from pillion.identity.admin.page import Page
from pillion.identity.models import ApiKey


class ApiKeys(Page):
    """The keys that are alive."""

    list_display = ("name", "begins", "owner", "scopes", "created", "expires", "used")
    list_select_related = ("session__user",)
    search_fields = ("name",)
    search_help_text = "Part of a name; a whole address of a user, or id; the beginning of a key"
    ordering = ("-session__created_at",)
    actions = ("revoke",)
    shown = ("name", "begins", "session_id", "owner", "scopes", "created", "expires", "used")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        """Give those that are alive."""
        alive = {"session__revoked_at": None, "session__expires_at__gt": timezone.now()}
        return super().get_queryset(request).filter(**alive).exclude(session__user=None)

    def get_search_results(
        self,
        request: HttpRequest,
        queryset: QuerySet[ApiKey],
        search_term: str,
    ) -> tuple[QuerySet[ApiKey], bool]:
        """Search; of a key that somebody pastes whole, the beginning alone is looked at."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            one = UUID(term)
        except ValueError:
            named = Q(name__icontains=term) | Q(session__user__email=term.lower()) | Q(hint=term[:8])
            return queryset.filter(named), False
        return queryset.filter(Q(session=one) | Q(session__user=one)), False

    @admin.display(description="Begins with")
    def begins(self, key: ApiKey) -> str:
        """Give what a key is known by."""
        return f"{key.hint}…"

    @admin.display(description="Owner")
    def owner(self, key: ApiKey) -> str:
        """Name the owner."""
        return key.session.user.email if key.session.user else "-"

    @admin.display(description="Scopes")
    def scopes(self, key: ApiKey) -> str:
        """Name the scopes."""
        return key.session.scope or "-"

    @admin.display(description="Made")
    def created(self, key: ApiKey) -> Any:
        """Say when."""
        return key.session.created_at

    @admin.display(description="Good until")
    def expires(self, key: ApiKey) -> Any:
        """Say until when."""
        return key.session.expires_at

    @admin.display(description="Last used")
    def used(self, key: ApiKey) -> Any:
        """Say when, if ever."""
        session = key.session
        return session.last_used_at if session.last_used_at > session.created_at else None

    @admin.action(description="Revoke", permissions=["order"])
    def revoke(self, request: HttpRequest, found: QuerySet[ApiKey]) -> HttpResponse | None:
        """Do what `pillion api-key revoke` does."""
        means = "The programs that use them are refused from now on."
        if (page := self.confirmed(request, found, "Revoke", means)) is not None:
            return page
        self.each(request, found, lambda key: api_keys.revoke(str(key.session_id)), "Revoked")
        return self.back(request)
