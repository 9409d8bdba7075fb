"""`/account/verify`, where the link leads that confirms an address; `…/again` has its mail sent once more."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

from pillion.identity import answers, body, links, provider_links
from pillion.identity.flows import sign_in as sign_in_flow
from pillion.identity.flows.confirm import proven
from pillion.identity.flows.forgot import ASK_FIELDS, ask, require_mail
from pillion.identity.flows.signed_in import SignedIn
from pillion.identity.flows.verify import FIELDS, is_owner, verify
from pillion.identity.refusal import Refusal
from pillion.identity.views.by_link import by_link
from pillion.identity.views.form_page import form_page
from pillion.identity.views.mailed import mailed
from pillion.identity.views.only import only
from pillion.identity.views.sign_in import welcome

_PAGE = "pillion/verify.html"


@only("GET", "POST")
@by_link("/account/verify/again")
def view(request: HttpRequest) -> HttpResponse:
    """Show what is confirmed, and a button: a program that follows links in mails must confirm nothing."""
    require_mail()
    if request.method != "POST":
        return _page(request, request.GET.get("key", ""))
    given = body.fields(request, FIELDS)
    key, password = given.get("key", ""), given.get("password", "")
    try:
        here = is_owner(request, links.proof(key))
        proof = verify(request, key, password)
    except Refusal as refusal:
        if refusal.status == HTTPStatus.GONE or not answers.wants_page(request):
            raise
        return _page(request, key, refusal)
    if here:  # the token has the new address at once
        return welcome(request, SignedIn(proof.user, proven(request, proof.user)), "/account")
    # The sign-in asks for whatever else it asks for; the password was right a moment ago.
    return welcome(request, sign_in_flow.sign_in(request, proof.address, password), "")


@only("POST")
def again(request: HttpRequest) -> HttpResponse:
    """Have the mail sent once more: the answer is the same whatever there is to confirm."""
    email = body.fields(request, ASK_FIELDS).get("email", "")
    return mailed(request, ask(request, email, "confirm"), "sign-up")


def _page(request: HttpRequest, key: str, refusal: Refusal | None = None) -> HttpResponse:
    proof = links.proof(key)
    return form_page(
        request,
        _PAGE,
        key=key,
        email=proof.address,
        account=proof.user.email,
        owner=is_owner(request, proof),
        password=proof.user.has_usable_password(),
        proves=provider_links.providers_of(proof.user),
        refusal=refusal,
    )
