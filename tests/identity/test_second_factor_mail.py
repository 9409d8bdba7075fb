"""What changes one's second factors is told by mail."""

from uuid import uuid4

import pytest
from django.utils import timezone

from pillion.identity.mail import letter
from pillion.identity.mail.queue import Order


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ("totp_activated", "an app for one-time codes was added"),
        ("totp_deactivated", "the app for one-time codes was removed"),
        ("webauthn_added", "a passkey was added"),
        ("webauthn_removed", "a passkey was removed"),
        ("recovery_codes_generated", "recovery codes were made anew"),
    ],
)
def test_the_mail_says_what_was_changed(about: str, said: str) -> None:
    details = {"at": "1 May 2026, 12:00 UTC", "ip": "192.0.2.1", "device": "Firefox"}
    mail = letter.write(Order(uuid4(), about, "ada@example.org", details, timezone.now(), 0))
    assert mail["Subject"] == "Something in your account was changed"
    assert f"In your account for shop: {said}" in mail.get_content()
    assert "From: 192.0.2.1, Firefox" in mail.get_content()
