"""Browsers of who works in the admin, and what tests of it share."""

import re
from typing import Final
from urllib.parse import urlencode

from tests.identity.browser import Answer, Browser, new_user  # isort: skip - sets Django up
from pillion.identity.admin.site import PAGES
from pillion.identity.models import Session

HOME: Final = "/pillion/admin/"
MODELS: Final = [model.__name__.lower() for model, _ in PAGES]
OPERATOR: Final = "pillion-operator"
AUDITOR: Final = "pillion-auditor"


def list_of(model: str) -> str:
    app = "socialaccount" if model == "socialaccount" else "identity"
    return f"{HOME}{app}/{model}/"


class Operator(Browser):
    """A browser that gives orders in the admin, as its pages do."""

    def order(self, model: str, order: str, *rows: object, **more: str) -> Answer:
        """Mark rows of a list, give an order, and answer the question if there is one."""
        page = list_of(model)
        fields = [("csrfmiddlewaretoken", self.proof(page)), ("action", order), ("index", "0")]
        fields += [("_selected_action", str(row)) for row in rows] + list(more.items())
        return self.post(page, fields)

    def proof(self, page: str) -> str:
        """Give what Django's forms carry."""
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.visit(page).body.decode())
        return found[1] if found else ""

    def post(self, page: str, fields: list[tuple[str, str]], **headers: str) -> Answer:
        """Post a form in which a name may stand several times."""
        usual = {"accept": "text/html", "sec_fetch_mode": "navigate", "sec_fetch_site": "same-origin"}
        form = "application/x-www-form-urlencoded"
        return self.ask("POST", page, urlencode(fields).encode(), content_type=form, **{**usual, **headers})

    def said(self, page: str = HOME) -> str:
        """Read what the last order led to."""
        return self.visit(page).body.decode()


def with_role(*roles: str, mfa: bool = True) -> Operator:
    """Give the browser of somebody who has just signed in, with a second factor unless told otherwise."""
    browser = Operator()
    email = new_user(*roles)
    assert browser.sign_in(email).status == 200
    if mfa:
        row = Session.objects.get(user__email=email)
        methods = row.data["account_authentication_methods"]
        methods.append({"method": "mfa", "type": "totp", "id": 0, "at": methods[0]["at"]})
        row.amr = ["mfa", "otp", "pwd"]
        row.save()
    return browser
