"""The record of changes, to be read alone: the database itself lets nobody change a line."""

import json

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from pillion.identity.admin.page import Page
from pillion.identity.models import Change


class Changes(Page):
    """Who changed what."""

    list_display = ("at", "what", "whom", "actor", "address", "more")
    list_display_links = ("at",)
    list_filter = ("at", "what")
    search_fields = ("whom",)  # that there is a search; `get_search_results` says how
    search_help_text = (
        "A whole address of a user, or id of a client, key or session; who did it; a network address"
    )
    ordering = ("-id",)
    sortable_by = ()
    shown = ("at", "what", "whom", "actor", "actor_sub", "address", "more")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Change], search_term: str
    ) -> tuple[QuerySet[Change], bool]:
        """Search to the letter, which the indexes serve: this table only grows."""
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(Q(whom=term) | Q(actor=term) | Q(address=term)), False

    def has_order_permission(self, request: HttpRequest) -> bool:
        """Let nobody order anything."""
        return False

    @admin.display(description="Details")
    def more(self, change: Change) -> str:
        """Write them in a line."""
        return ", ".join(f"{name}: {_said(value)}" for name, value in change.details.items()) or "-"


def _said(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
