"""What the pages of the admin share: nothing is changed but by the orders that each page names."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db import Error
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern

from pillion.identity import session_care, workloads
from pillion.identity.accounts import AccountError, InvalidAccountError
from pillion.identity.acknowledged import Spread
from pillion.identity.admin import access
from pillion.identity.refusal import malformed

# One order is for so many rows at most: each is a transaction, and the edge waits for eight seconds, up to five of
# them for the Envoys. To disable 500 took 12 seconds on SQLite and 22 on PostgreSQL.
MOST_AT_ONCE = 100
# How Django's own filters ask for a field.
_ASKED = frozenset({"", "exact", "isnull", "gte", "lt"})
_NOT_NOW = "the database did not take it"
_KEPT_PAGES = ("_changelist", "_change", "_add")


class _List(ChangeList):
    """Django's list; a query string that is nonsense is refused, where Django would lead to the whole list."""

    def __init__(self, *arguments: Any) -> None:
        try:
            super().__init__(*arguments)
        except (IncorrectLookupParameters, OverflowError, ValueError):
            raise malformed("There is no such page of the list, or no such filter.") from None


class Page(admin.ModelAdmin):  # type: ignore[type-arg]  # none at run time
    """A list that can be searched, and what one row says; orders are given to what is marked in the list."""

    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions_selection_counter = True
    view_on_site = False
    # Which of the fields is shown to whoever looks at one row; all are read-only.
    shown: Sequence[str] = ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show no field that is not named."""
        return self.shown if obj is not None else super().get_fields(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Say that nothing is typed over."""
        return self.shown if obj is not None else ()

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Let in who is let in at all."""
        return access.may_see(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Likewise."""
        return access.may_see(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say that nothing is added, unless a page says how."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say that no row is typed over."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say that none is deleted as a row."""
        return False

    def has_order_permission(self, request: HttpRequest) -> bool:
        """Say who gives orders: `@admin.action(permissions=["order"])`."""
        return access.may_change(request.user)

    def get_urls(self) -> list[URLPattern]:
        """Leave out deletion, and Django's own history, which would be empty."""
        return [one for one in super().get_urls() if (one.name or "").endswith(_KEPT_PAGES)]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Let nobody ask by another field than the filters do.

        Django would take every field of the row: `?password__startswith=` would tell a hash letter by letter.
        """
        named = (
            one if isinstance(one, str) else getattr(one, "parameter_name", "") for one in self.list_filter
        )
        field, _, how = lookup.partition("__")
        return field in set(named) and how in _ASKED

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        """Give our list."""
        return _List

    def _get_obj_does_not_exist_redirect(self, *_: Any) -> HttpResponse:
        """Say 404, where Django would lead to the start page."""
        raise Http404

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Call the list by what is in it."""
        named = {
            "title": str(self.opts.verbose_name_plural)[:1].upper() + str(self.opts.verbose_name_plural)[1:]
        }
        return super().changelist_view(request, {**named, **(extra_context or {})})

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Offer one button, where there is a form at all."""
        one = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().changeform_view(request, object_id, form_url, {**one, **(extra_context or {})})

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Leave that to the record of changes."""

    def confirmed(
        self, request: HttpRequest, found: QuerySet[Any], order: str, means: str
    ) -> HttpResponse | None:
        """Ask once more, with what the order means; None when that was answered, or nothing is to be asked."""
        if request.POST.get("confirmed") == "yes":
            return None
        rows = self._marked(request, found)
        if rows is None:
            return self.back(request)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{order}?",
            "means": means,
            "rows": rows,
            "opts": self.opts,
            "action": request.POST.get("action", ""),
            "role": request.POST.get("role", ""),
            "checkbox": ACTION_CHECKBOX_NAME,
        }
        return render(request, "admin/pillion/confirm.html", context)

    def _marked(self, request: HttpRequest, rows: Iterable[Any]) -> list[Any] | None:
        """Give the rows that an order is for; None, and a word of it, where they are too many to do at once."""
        found = list(rows[: MOST_AT_ONCE + 1] if isinstance(rows, QuerySet) else rows)
        if len(found) <= MOST_AT_ONCE:
            return found
        self.message_user(
            request,
            f"Give an order to {MOST_AT_ONCE} at a time: more are marked. Nothing was done.",
            messages.ERROR,
        )
        return None

    def back(self, request: HttpRequest) -> HttpResponse:
        """Show the list again."""
        return HttpResponseRedirect(request.get_full_path())

    def each(self, request: HttpRequest, rows: Iterable[Any], do: Callable[[Any], object], done: str) -> None:
        """Do something to each row, and say how many that were, and why others were left.

        What revokes sessions is waited for until the Envoys refuse their tokens.
        """
        marked = self._marked(request, rows)
        if marked is None:
            return
        failed: dict[str, int] = {}
        count = 0

        def do_all() -> None:
            nonlocal count
            for row in marked:
                try:
                    do(row)
                    count += 1
                except (AccountError, InvalidAccountError) as error:
                    failed[str(error)] = failed.get(str(error), 0) + 1
                except Error:  # what was done before stays done, and is said
                    failed[_NOT_NOW] = failed.get(_NOT_NOW, 0) + 1

        _, spread = session_care.until_refused(do_all)
        if count:
            self.message_user(request, f"{done}: {count}.{said(spread)}", messages.SUCCESS)
        for why, times in list(failed.items())[:10]:
            self.message_user(
                request, f"Not done{f' {times} times' if times > 1 else ''}: {why}.", messages.ERROR
            )


def said(spread: Spread | None) -> str:
    """Say how far a revocation has got among the Envoys."""
    if spread is None or spread.nobody:
        return ""
    if spread.everywhere:
        where = "by all Envoys that are connected" if workloads.are_certified() else "everywhere"
        return f" Refused {where}, in {round(spread.seconds * 1000)} ms."
    if spread.silent:
        return " Control is not heard of: no Envoy can be told until it is back."
    names = ", ".join(f"{laggard.name} {laggard.why}" for laggard in spread.missing)
    return f" Not yet refused by {names}."
