"""One form for every spelling of an address."""

import pytest

from pillion.identity.email_address import EmailAddressError, normal, parse


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("Ada@Example.ORG", "ada@example.org"),
        ("  ada@example.org\n", "ada@example.org"),
        ("\uff21da@example.org", "ada@example.org"),
        ("ada+tag@sub.example.org", "ada+tag@sub.example.org"),
    ],
)
def test_spellings_fold_to_one(text: str, email: str) -> None:
    """NFKC, lower case, no space around."""
    assert parse(text) == email


@pytest.mark.parametrize(
    "text",
    [
        '"quoted"@example.org',
        '"\x1b]0;pwn\x07"@example.org',
        "<script>@example.org",
        "a,manager@example.org",
        "ad\u00e4@example.org",
        "ada@m\u00fcnchen.example",
        "ada@example.org\x7f",
        " " * 2000 + "ada@example.org",
        "",
        "ada",
        "a@b",
        "a b@example.org",
        "a@example.org\0",
        "a@exa\nmple.org",
        "x" * 243 + "@example.org",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """The last is 255 characters long: one too many."""
    with pytest.raises(EmailAddressError, match=r"ada@example\.org"):
        parse(text)


def test_a_long_text_takes_no_longer_than_a_short_one() -> None:
    """To fold combining characters takes time that grows with the square of their number (CWE-407)."""
    assert len(normal("a" + "\u0301\u0316" * 15_900)) < 2000
