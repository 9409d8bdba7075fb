"""The page that says that something is done, and leads on."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def done_page(request: HttpRequest, title: str, words: str, *, way: str, to: str) -> HttpResponse:
    """Say `title` and `words`; the link `way` leads `to` a path of ours."""
    return render(request, "pillion/done.html", {"title": title, "words": words, "way": way, "to": to})
