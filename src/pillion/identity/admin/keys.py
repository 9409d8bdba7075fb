"""The keys that tokens are signed with: seen, rotated and revoked by the code of `pillion keys`."""

from typing import Any, Final

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from pillion.identity import key_care
from pillion.identity.admin.page import Page, said
from pillion.identity.models import SigningKey
from pillion.identity.rotation import NoSuchKeyError

# In seconds: the edge waits for eight.
_PATIENCE: Final = 5.0


class Keys(Page):
    """All keys that there ever were; their private halves are seen by nobody."""

    list_display = ("kid", "algorithm", "state", "created_at", "signing_since", "gone_at")
    list_filter = ("state",)
    search_fields = ("kid",)
    ordering = ("-created_at",)
    actions = ("rotate", "revoke")
    shown = ("kid", "algorithm", "state", "created_at", "signing_since", "until", "gone_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SigningKey]:
        """Leave the private half where it is."""
        return super().get_queryset(request).defer("private_key")

    @admin.display(description="Verifies until")
    def until(self, key: SigningKey) -> Any:
        """Say until when its tokens are good."""
        return {one.kid: one for one in key_care.list_keys()}[key.kid].verifies_until

    @admin.action(description="Let another key sign in place of this one", permissions=["order"])
    def rotate(self, request: HttpRequest, found: QuerySet[SigningKey]) -> HttpResponse | None:
        """Do what `pillion keys rotate` does; an Envoy that lags is not waited for, nor left behind."""
        means = (
            "A new key is announced, and signs as soon as every Envoy knows it. The tokens of the one before stay "
            "good until they expire: nobody notices."
        )
        if (page := self.confirmed(request, found, "Rotate", means)) is not None:
            return page
        if not found.filter(state=SigningKey.State.SIGNING).exists():
            self.message_user(request, "Mark the key that signs now: only that is rotated.", messages.ERROR)
            return self.back(request)
        try:
            change = key_care.rotate(_PATIENCE, all_of_them=True)
        except key_care.RotationError as error:
            self.message_user(request, f"Not done: {error}.", messages.ERROR)
        else:
            self.message_user(request, f"{change.new} signs from now on.", messages.SUCCESS)
        return self.back(request)

    @admin.action(description="Revoke: somebody else may have it", permissions=["order"])
    def revoke(self, request: HttpRequest, found: QuerySet[SigningKey]) -> HttpResponse | None:
        """Do what `pillion keys revoke` does."""
        means = (
            "Every Envoy refuses what it signed, at once. If it signs now another key takes its place, and people "
            "get new tokens by their sessions without noticing; programs that hold tokens ask for new ones."
        )
        if (page := self.confirmed(request, found, "Revoke", means)) is not None:
            return page
        for key in found:
            try:
                change = key_care.revoke(key.kid)
            except NoSuchKeyError as error:
                self.message_user(request, f"Not done: {error}.", messages.ERROR)
            else:
                self.message_user(request, f"Revoked {key.kid}.{said(change.spread)}", messages.SUCCESS)
        return self.back(request)
