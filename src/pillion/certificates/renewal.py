"""When a certificate has to be replaced."""

from datetime import datetime

from cryptography import x509


def is_due(certificate: x509.Certificate, now: datetime, used_for: float) -> bool:
    """Say whether `used_for` of its life is over, such as 0.5, or it has not begun: the clock was set back."""
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return not begins <= now < begins + (ends - begins) * used_for
