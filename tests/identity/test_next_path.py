"""`next` leads nowhere but to a path on this origin."""

import pytest

from pillion.identity.next_path import safe


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ("/", "/"),
        ("/orders", "/orders"),
        ("/orders?page=2&sort=a", "/orders?page=2&sort=a"),
        ("/a/b?next=/c", "/a/b?next=/c"),
        ("/a?u=https://x.example/", "/a?u=https://x.example/"),
        ("/a%20b", "/a%20b"),
        ("/caf\u00e9", "/caf%C3%A9"),
    ],
)
def test_a_path_on_this_origin_is_kept(wanted: str, given: str) -> None:
    """As it is, or percent-encoded."""
    assert safe(wanted) == given


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "orders",
        "https://evil.example/",
        "http:evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\\/evil.example",
        "/%2Fevil.example",
        "/%2fevil.example",
        "%2F%2Fevil.example",
        "/%5Cevil.example",
        "/%5cevil.example",
        "/%09/evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\nSet-Cookie: a=b",
        "/%0d%0aSet-Cookie:%20a=b",
        "/a%00b",
        "/\u2028",
        " //evil.example",
        " /orders",
        "/.//evil.example",
        "/..//evil.example",
        "/../../x",
        "/a//evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "?next=//evil.example",
        "@evil.example",
        "/" + "a" * 7000,
    ],
)
def test_what_leads_elsewhere_is_refused(wanted: str) -> None:
    """Tricks of open redirects."""
    assert safe(wanted) == "/"
