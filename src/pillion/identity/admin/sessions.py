"""Sessions: who is signed in where, and ended by the code of `pillion session revoke`."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from pillion.identity import device, session_care, sessions
from pillion.identity.accounts import AccountError
from pillion.identity.admin.page import Page
from pillion.identity.models import Session
from pillion.identity.visit import session_of


class _Alive(admin.SimpleListFilter):
    """Those that are alive, unless all are asked for."""

    title = "which"
    parameter_name = "which"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Give the other choice."""
        return [("all", "All that are remembered")]

    def choices(self, changelist: Any) -> Any:
        """Call the first choice by its name."""
        first, *others = super().choices(changelist)
        return [{**first, "display": "Alive"}, *others]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Choose."""
        return queryset if self.value() == "all" else queryset.filter(sessions.live(timezone.now()))


class Sessions(Page):
    """The sessions of people, of their API keys and programs, and of programs that act for themselves."""

    list_display = ("sid", "whose", "client_id", "device", "address", "signed_in", "last_used_at", "state")
    list_display_links = ("sid",)
    list_filter = (_Alive,)
    list_select_related = ("user",)
    search_fields = ("user__email",)
    search_help_text = (
        "An address of a user, whole; an id of a session (sid) or user (sub); a client; a network address"
    )
    ordering = ("-created_at",)
    actions = ("revoke",)
    shown = (
        "sid",
        "whose",
        "client_id",
        "methods",
        "scope",
        "device",
        "user_agent",
        "address",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Session]:
        """Leave out visits, which nobody has signed in to, and what the session holds."""
        kept = super().get_queryset(request).exclude(user=None, client_id=sessions.EDGE_CLIENT)
        return kept.defer("data", "key_hash")

    def get_search_results(
        self,
        request: HttpRequest,
        queryset: QuerySet[Session],
        search_term: str,
    ) -> tuple[QuerySet[Session], bool]:
        """Search by what stands in an audit log."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if "@" in term:  # by itself: so the user's sessions are found by their index
            return queryset.filter(user__email=term.lower()), False
        try:
            one = UUID(term)
        except ValueError:
            return queryset.filter(Q(client_id=term) | Q(address=term)), False
        return queryset.filter(Q(sid=one) | Q(user=one)), False

    @admin.display(description="Whose")
    def whose(self, session: Session) -> str:
        """Name the user, if there is one."""
        return session.user.email if session.user else session.client_id

    @admin.display(description="Device")
    def device(self, session: Session) -> str:
        """Name the browser and the system."""
        return device.name(session.user_agent)

    @admin.display(description="Signed in")
    def signed_in(self, session: Session) -> Any:
        """Say when."""
        return session.auth_time or session.created_at

    @admin.display(description="How (amr)")
    def methods(self, session: Session) -> str:
        """Name what was shown."""
        return ", ".join(session.amr) or "-"

    @admin.display(description="State")
    def state(self, session: Session) -> str:
        """Say whether it is alive."""
        if session.revoked_at is not None:
            return "revoked"
        return "alive" if session.expires_at > timezone.now() else "expired"

    @admin.action(description="Revoke", permissions=["order"])
    def revoke(self, request: HttpRequest, found: QuerySet[Session]) -> HttpResponse | None:
        """Do what `pillion session revoke` does."""
        means = "They are renewed no more, and every Envoy refuses their tokens from now on."
        if (page := self.confirmed(request, found, "Revoke", means)) is not None:
            return page
        mine = session_of(request).sid

        def revoke(session: Session) -> None:
            if session.sid == mine:
                raise AccountError(f"{mine} is the session that you look with: sign out instead")
            session_care.revoke_session(str(session.sid))

        self.each(request, found, revoke, "Revoked")
        return self.back(request)
