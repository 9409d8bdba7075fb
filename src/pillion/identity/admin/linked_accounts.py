"""Which accounts are signed in to by which identity provider; `pillion user unlink` ends it."""

from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from pillion.identity.admin.page import Page


class LinkedAccounts(Page):
    """The links, to be seen alone: providers themselves are written in pillion.yaml."""

    list_display = ("account", "provider", "uid", "address", "date_joined", "last_login")
    list_select_related = ("user",)
    search_fields = ("uid",)
    search_help_text = "A whole address of a user; what a provider calls somebody; an issuer"
    ordering = ("-date_joined",)
    shown = ("account", "provider", "uid", "address", "roles_given", "date_joined", "last_login")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by what stands in a log."""
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(Q(user__email=term.lower()) | Q(uid=term) | Q(provider=term)), False

    def has_order_permission(self, request: HttpRequest) -> bool:
        """Let nobody order anything."""
        return False

    @admin.display(description="Account")
    def account(self, link: SocialAccount) -> str:
        """Name the account."""
        return str(link.user)

    @admin.display(description="Address there")
    def address(self, link: SocialAccount) -> str:
        """Say what the provider told last."""
        return str(link.extra_data.get("email") or "-")

    @admin.display(description="Roles by its groups")
    def roles_given(self, link: SocialAccount) -> str:
        """Say which roles came by it."""
        return ", ".join(link.extra_data.get("roles", [])) or "-"
