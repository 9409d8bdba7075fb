"""The device grant (RFC 8628): a program without a browser, allowed by somebody who has one."""

import secrets
from datetime import timedelta
from typing import Any, Final

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidScopeError, UnauthorizedClientError
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint, DeviceCodeGrant, SlowDownError
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from pillion.identity import limits
from pillion.identity.models import OAuthClient, OAuthDeviceCode
from pillion.identity.oauth import access_token, audiences, grant_sessions, hashes, narrowed
from pillion.identity.oauth.client_authentication import ALL_METHODS
from pillion.identity.oauth.code_grant import tokens_of_a_user
from pillion.identity.oauth.request import text
from pillion.identity.refusal import Refusal
from pillion.vocabulary import DEVICE_PATH

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:device_code"
LIFETIME: Final = timedelta(minutes=10)
INTERVAL: Final = 5
# RFC 8628, section 6.1: no vowels, so no words; nothing that looks like something else.
LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
LETTERS_OF_A_CODE: Final = 8


class TooManyDevicesError(SlowDownError):  # type: ignore[misc]
    """Codes without end, from one address."""

    status_code = 429

    def __init__(self, refusal: Refusal) -> None:
        super().__init__("Too many devices have asked from here. Try again later.")
        self.wait = refusal.headers["Retry-After"]

    def get_headers(self) -> list[tuple[str, str]]:
        """Say how long to wait."""
        return [*super().get_headers(), ("Retry-After", self.wait)]


class DeviceAuthorization(DeviceAuthorizationEndpoint):  # type: ignore[misc]
    """Where a device gets its two codes."""

    CLIENT_AUTH_METHODS = ALL_METHODS
    EXPIRES_IN = int(LIFETIME.total_seconds())
    INTERVAL = INTERVAL

    def authenticate_client(self, request: Any) -> OAuthClient:
        """Let in who may use the grant, and asks for what they may have."""
        client: OAuthClient = super().authenticate_client(request)
        if not client.check_grant_type(GRANT_TYPE):
            raise UnauthorizedClientError("The client may not use the device grant.")
        scope = client.get_allowed_scope(text(request, "scope"))
        if scope is None:
            raise InvalidScopeError
        request.scope = scope
        request.audiences = audiences.granted(request, client)
        try:
            limits.begin_device(request.django)
        except Refusal as refusal:
            raise TooManyDevicesError(refusal) from None
        self.request = request
        return client

    def create_endpoint_response(self, request: Any) -> Any:
        """Answer in an object of its own, since there is one of this for all threads."""
        return type(self)(self.server)._answer(request)  # noqa: SLF001

    def _answer(self, request: Any) -> Any:
        return super().create_endpoint_response(request)

    def generate_device_code(self) -> str:
        """Make 256 random bits."""
        return hashes.new_secret()

    def generate_user_code(self) -> str:
        """Make what a person can type."""
        letters = [secrets.choice(LETTERS) for _ in range(LETTERS_OF_A_CODE)]
        return "".join(letters[:4]) + "-" + "".join(letters[4:])

    def get_verification_uri(self) -> str:
        """Say where it is to be typed."""
        return f"{settings.PILLION.origin}{DEVICE_PATH}"

    def save_device_credential(self, client_id: str, _: str, data: dict[str, Any]) -> None:
        """Note both, hashed."""
        OAuthDeviceCode.objects.create(
            device_hash=hashes.of(data["device_code"]),
            user_code_hash=hashes.of_user_code(normal(data["user_code"])),
            client_id=client_id,
            scope=self.request.scope,
            audiences=self.request.audiences,
            expires_at=timezone.now() + LIFETIME,
            interval=INTERVAL,
        )


class DeviceGrant(DeviceCodeGrant):  # type: ignore[misc]
    """Authlib's grant on our tables."""

    TOKEN_ENDPOINT_AUTH_METHODS = ALL_METHODS

    def query_device_credential(self, device_code: str) -> OAuthDeviceCode:
        """Find the device."""
        found = OAuthDeviceCode.objects.filter(device_hash=hashes.of(device_code)).first()
        if found is None:
            raise InvalidGrantError("The device_code is not good, or was used.")
        return found

    def query_user_grant(self, user_code: str) -> tuple[Any, bool] | None:
        """Give what somebody has decided, if they have."""
        row = OAuthDeviceCode.objects.select_related("parent__user").get(device_hash=user_code)
        return None if row.approved is None else (row.parent, row.approved)

    def should_slow_down(self, credential: OAuthDeviceCode) -> bool:
        """Tell whether it asks too often; then it has to wait for longer (RFC 8628, section 3.5)."""
        now = timezone.now()
        asked, wait = credential.asked_at, timedelta(seconds=credential.interval)
        hasty = asked is not None and now - asked < wait
        mine = OAuthDeviceCode.objects.filter(device_hash=credential.device_hash)
        mine.update(asked_at=now, interval=credential.interval + (INTERVAL if hasty else 0))
        return hasty

    def generate_token(self, **_: Any) -> access_token.Answer:
        """Use the code up, open the session, and give its tokens: all of it or nothing."""
        code: OAuthDeviceCode = self.request.credential
        now = timezone.now()
        with transaction.atomic():
            parent = grant_sessions.hold(code.parent_id, now)
            if parent is None:
                raise InvalidGrantError("The session of who allowed it has ended.")
            if not OAuthDeviceCode.objects.filter(device_hash=code.device_hash).delete()[0]:
                raise InvalidGrantError("The device_code was used before.")
            left = narrowed.left(code.scope, code.audiences, code.client)
            audience = audiences.of_token(self.request, list(left.audiences))
            granted = grant_sessions.Granted(code.client, parent, *left, elsewhere=True)
            return tokens_of_a_user(grant_sessions.open_session(granted, now), audience, "", now)

    def save_token(self, token: Any) -> None:
        """Do nothing: what there is to know stands in the grant."""


def normal(user_code: str) -> str:
    """Give a code as it is compared: however it was typed."""
    return "".join(letter for letter in user_code.upper() if letter in LETTERS)
