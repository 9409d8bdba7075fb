"""Users: found, disabled, enabled, signed out, given roles, deleted; by the code of `pillion user`."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode

from pillion.identity import accounts, locks, second_factors, session_care
from pillion.identity.accounts import AccountError
from pillion.identity.admin import access, allowed
from pillion.identity.admin.page import Page
from pillion.identity.admin.user_form import AddForm
from pillion.identity.models import User
from pillion.identity.oauth import grant_care
from pillion.vocabulary import ROLE

_Do = Callable[[User], object]

_ORDER: Final = ["order"]
_HAS_FACTOR: Final = Exists(Authenticator.objects.filter(user=OuterRef("pk")))
_PROVEN: Final = Exists(
    EmailAddress.objects.filter(user=OuterRef("pk"), email=OuterRef("email"), verified=True)
)


class _Order(NamedTuple):
    """An order in words: what it is called, what follows from it, and what is said when it is done."""

    title: str
    means: str
    done: str


_DISABLE: Final = _Order(
    "Disable", "They are signed out everywhere, and cannot sign in before they are enabled again.", "Disabled"
)
_SIGN_OUT: Final = _Order(
    "Sign out everywhere",
    "All their sessions and API keys end; they can sign in again.",
    "Signed out",
)
_WITHDRAW: Final = _Order(
    "Take back what clients were allowed",
    "The tokens that clients hold for them are refused everywhere from now on, and they are asked again before "
    "there are others. They stay signed in.",
    "Taken back",
)
_RESET: Final = _Order(
    "Reset the second factors",
    "Their apps, passkeys and recovery codes are good no more, and they are signed out: until they add another, "
    "the password alone lets in. Be sure whom you talk to.",
    "Reset",
)
_DELETE: Final = _Order(
    "Delete for good",
    "The accounts are deleted for good, and their sessions end. Services keep what they have of them.",
    "Deleted",
)


class _RoleForm(ActionForm):
    """Beside the orders: which role is meant."""

    role = forms.CharField(
        required=False,
        max_length=64,
        label="Role",
        widget=forms.TextInput({"placeholder": "such as manager"}),
    )


class _ByExistence(admin.SimpleListFilter):
    """Yes or no."""

    of: Exists

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Give the two."""
        return [("yes", "Yes"), ("no", "No")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Choose."""
        wanted = {"yes": Q(self.of), "no": ~Q(self.of)}.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(wanted)


class _SecondFactor(_ByExistence):
    title = "second factor"
    parameter_name = "second_factor"
    of = _HAS_FACTOR


class _Confirmed(_ByExistence):
    title = "confirmed address"
    parameter_name = "confirmed"
    of = _PROVEN


class Users(Page):
    """The accounts."""

    list_display = (
        "email",
        "roles_said",
        "is_active",
        "confirmed_address",
        "second_factor",
        "date_joined",
        "last_login",
    )
    list_filter = ("is_active", _SecondFactor, _Confirmed)
    search_fields = ("email",)
    search_help_text = "Part of an address; a whole id (sub) or role"
    ordering = ("email",)
    action_form = _RoleForm
    actions = (
        "disable",
        "enable",
        "sign_out",
        "withdraw",
        "give_role",
        "take_role",
        "reset_second_factors",
        "delete",
    )
    shown = (
        "email",
        "id",
        "roles_said",
        "is_active",
        "confirmed_address",
        "factors",
        "date_joined",
        "last_login",
        "allowed_clients",
        "see_also",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        """Find out in the same query what each row says."""
        return super().get_queryset(request).annotate(has_factor=_HAS_FACTOR, proven=_PROVEN)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        """Search by what an operator has at hand."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            return queryset.filter(pk=UUID(term)), False
        except ValueError:
            pass
        if ROLE.fullmatch(term):
            queryset = queryset.annotate(roles_text=Cast("roles", TextField()))
            return queryset.filter(Q(email__icontains=term) | Q(roles_text__contains=f'"{term}"')), False
        return queryset.filter(email__icontains=term), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let operators add accounts where they are kept here."""
        try:
            accounts.require_own_passwords()
        except AccountError:
            return False
        return self.has_order_permission(request)

    def get_form(
        self, request: HttpRequest, obj: User | None = None, change: bool = False, **options: Any
    ) -> Any:
        """Give the form for a new account; there is no other."""
        return AddForm if obj is None else super().get_form(request, obj, change, **options)

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Likewise."""
        return ("email", "password", "roles") if obj is None else super().get_fields(request, obj)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Do nothing: the form has made it."""

    def response_add(
        self, request: HttpRequest, obj: User, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the list again."""
        self.message_user(request, f"Added {obj.email}.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:identity_user_changelist"))

    @admin.display(description="Roles")
    def roles_said(self, user: User) -> str:
        """Name the roles."""
        return ", ".join(user.roles) or "-"

    @admin.display(description="Confirmed", boolean=True)
    def confirmed_address(self, user: User) -> bool:
        """Say whether the address is known to be theirs."""
        return bool(vars(user)["proven"])

    @admin.display(description="Second factor", boolean=True)
    def second_factor(self, user: User) -> bool:
        """Say whether there is one."""
        return bool(vars(user)["has_factor"])

    @admin.display(description="Second factors")
    def factors(self, user: User) -> str:
        """Name them."""
        return ", ".join(second_factors.kinds(user)) or "none"

    @admin.display(description="Clients allowed")
    def allowed_clients(self, user: User) -> str:
        """Show what clients were allowed."""
        return allowed.table(user)

    @admin.display(description="See also")
    def see_also(self, user: User) -> str:
        """Lead to what belongs to the account."""
        query = urlencode({"q": user.email})
        pages = (
            ("socialaccount_socialaccount", "Providers"),
            ("identity_session", "Sessions"),
            ("identity_apikey", "API keys"),
            ("identity_oauthgrant", "Grants"),
            ("identity_change", "Changes"),
        )
        links = (
            format_html('<a href="{}?{}">{}</a>', reverse(f"admin:{page}_changelist"), query, title)
            for page, title in pages
        )
        return format_html_join(" · ", "{}", ((link,) for link in links))

    @admin.action(description="Disable, and sign out", permissions=_ORDER)
    def disable(self, request: HttpRequest, found: QuerySet[User]) -> HttpResponse | None:
        """Do what `pillion user disable` does."""
        return self._ask_and_do(
            request, found, _DISABLE, lambda user: accounts.set_active(user.email, active=False)
        )

    @admin.action(description="Enable", permissions=_ORDER)
    def enable(self, request: HttpRequest, found: QuerySet[User]) -> None:
        """Do what `pillion user enable` does."""

        def enable(user: User) -> None:
            accounts.set_active(user.email, active=True)

        self.each(request, found.filter(is_active=False), _by_an_operator(request, enable), "Enabled")

    @admin.action(description="Sign out everywhere", permissions=_ORDER)
    def sign_out(self, request: HttpRequest, found: QuerySet[User]) -> HttpResponse | None:
        """Do what `pillion session revoke --user` does."""
        return self._ask_and_do(
            request, found, _SIGN_OUT, lambda user: session_care.revoke_sessions_of(user.email)
        )

    @admin.action(description="Take back what clients were allowed", permissions=_ORDER)
    def withdraw(self, request: HttpRequest, found: QuerySet[User]) -> HttpResponse | None:
        """Do what `pillion user withdraw` does."""
        return self._ask_and_do(request, found, _WITHDRAW, lambda user: grant_care.withdraw(user.email))

    @admin.action(description="Give the role", permissions=_ORDER)
    def give_role(self, request: HttpRequest, found: QuerySet[User]) -> None:
        """Add the role that is typed beside the order."""
        role = request.POST.get("role", "").strip()

        def give(user: User) -> None:
            accounts.give_role(user.email, role)

        self.each(request, found, _by_an_operator(request, give), f"Given the role {role}")

    @admin.action(description="Take the role", permissions=_ORDER)
    def take_role(self, request: HttpRequest, found: QuerySet[User]) -> None:
        """Take the role that is typed beside the order; nobody takes their own."""
        role = request.POST.get("role", "").strip()

        def take(user: User) -> None:
            accounts.take_role(user.email, role)

        self.each(request, found, _by_another(request, take), f"Taken the role {role}")

    @admin.action(description="Reset second factors", permissions=_ORDER)
    def reset_second_factors(self, request: HttpRequest, found: QuerySet[User]) -> HttpResponse | None:
        """Do what `pillion user reset-mfa` does."""
        return self._ask_and_do(
            request, found, _RESET, lambda user: accounts.reset_second_factors(user.email)
        )

    @admin.action(description="Delete for good", permissions=_ORDER)
    def delete(self, request: HttpRequest, found: QuerySet[User]) -> HttpResponse | None:
        """Do what `pillion user delete` does."""
        return self._ask_and_do(request, found, _DELETE, lambda user: accounts.delete_user(user.email))

    def _ask_and_do(
        self, request: HttpRequest, found: QuerySet[User], order: _Order, do: _Do
    ) -> HttpResponse | None:
        if (page := self.confirmed(request, found, order.title, order.means)) is not None:
            return page
        self.each(request, found, _by_another(request, do), order.done)
        return self.back(request)


def _by_an_operator(request: HttpRequest, do: _Do) -> _Do:
    """Do it only while who orders it is an operator: of two who disable each other at once, one is left.

    Only one order is at work on accounts at a time, and each looks first. Raises AccountError.
    """

    def checked(user: User) -> None:
        with transaction.atomic():
            locks.hold(locks.OPERATORS)
            if not access.is_operator_still(request.user):
                raise AccountError("you are no operator any more")
            do(user)

    return checked


def _by_another(request: HttpRequest, do: _Do) -> _Do:
    """Likewise, and not to oneself: whoever orders it stays an operator, so there is always one."""

    def checked(user: User) -> None:
        if user.pk == request.user.pk:
            raise AccountError(
                f"{user.email} is your own account: let another operator do this, or the command line"
            )
        do(user)

    return _by_an_operator(request, checked)
