"""What is answered when a mail was sent, or would have been if there were an account: the same."""

from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse

from pillion.identity import answers, email_address
from pillion.identity.views.form_page import form_page

_WORDS: Final = {
    "sign-up": "Open the link in it to confirm the address; then the account is yours.",
    "forgot": "If there is an account with it, the mail has a link with which you can choose a new password.",
    "email": "Open the link in it to confirm that it is yours. Until then your address stays as it is.",
}


def mailed(request: HttpRequest, email: str, why: str) -> HttpResponse:
    """Send a person to their mailbox; a program gets 202 with the address."""
    address = email_address.normal(email)
    if answers.wants_page(request):
        return form_page(request, "pillion/mailed.html", email=address, why=why, words=_WORDS[why])
    return JsonResponse({"mailed_to": address}, status=202)
