"""An authorization request, read and judged: who is to sign in, who is to be asked, or what is wrong with it."""

import time
from dataclasses import dataclass
from typing import Any, Final

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from authlib.oidc.core.errors import ConsentRequiredError, LoginRequiredError
from django.http import HttpRequest

from pillion.identity.models import OAuthClient, OAuthConsent, Session, User
from pillion.identity.oauth import audiences, id_token
from pillion.identity.oauth.parameters import Parameters
from pillion.identity.oauth.redirect_uri import is_of_an_app
from pillion.identity.oauth.request import Request, text
from pillion.identity.oauth.server import server
from pillion.identity.visit import row_of

# Of ours, in the request that somebody is sent back to after signing in: since when that counts as fresh.
SINCE: Final = "pillion_since"
# Longer than this nobody takes to sign in; an older one is forgotten.
_SINCE_SECONDS: Final = 900
_PROMPTS: Final = frozenset({"none", "login", "consent", "select_account"})


class UnmetAuthenticationError(OAuth2Error):  # type: ignore[misc]
    """OpenID Connect Unmet Authentication Requirements 1.0; RFC 9470, section 5."""

    error = "unmet_authentication_requirements"
    description = "The user has not signed in with a second factor."


class NotSupportedError(OAuth2Error):  # type: ignore[misc]
    """OpenID Connect Core, sections 3.1.2.6 and 6: who does not read request objects says so."""

    description = "No request objects are read here."


@dataclass(frozen=True)
class Authorization:
    """A request that may be granted: by whom, and where the answer goes."""

    request: Request
    grant: Any
    user: User | None
    session: Session | None
    prompts: frozenset[str]
    max_age: int | None

    @property
    def client(self) -> OAuthClient:
        """Who asks."""
        found: OAuthClient = self.request.client
        return found

    @property
    def redirect_uri(self) -> str:
        """Where the answer goes."""
        return str(self.grant.redirect_uri)

    @property
    def scopes(self) -> list[str]:
        """What is asked for, of what the client is registered for."""
        return str(self.request.scope).split()

    @property
    def audiences(self) -> list[str]:
        """For whom the tokens are to be."""
        return audiences.granted(self.request, self.client)

    def must_sign_in(self) -> bool:
        """Tell whether somebody has to sign in first; raises LoginRequiredError where nobody may be asked."""
        wanted = self._is_somebody_wanted()
        if wanted and "none" in self.prompts:
            raise LoginRequiredError(redirect_uri=self.redirect_uri)
        return wanted

    def wants_another(self) -> bool:
        """Tell whether somebody else than who is signed in has to be, or may want to be."""
        if self.user is None or "select_account" in self.prompts:
            return True
        hint = id_token.read(text(self.request, "id_token_hint"))
        return hint is not None and hint["sub"] != str(self.user.id)

    def _is_somebody_wanted(self) -> bool:
        if self.user is None or self.session is None or self.session.auth_time is None:
            return True
        if "select_account" not in self.prompts and self.wants_another():
            return True
        signed_in = int(self.session.auth_time.timestamp())
        now = int(time.time())
        since = text(self.request, SINCE)
        if since.isdecimal() and len(since) < 12 and now - _SINCE_SECONDS < int(since) <= signed_in:  # noqa: PLR2004
            return False
        if self.prompts & {"login", "select_account"}:
            return True
        return self.max_age is not None and now - signed_in > self.max_age

    def must_step_up(self) -> bool:
        """Tell whether a second factor is asked for, and the session has seen none.

        Raises UnmetAuthenticationError where nobody may be asked.
        """
        asked = id_token.MFA in text(self.request, "acr_values").split()
        wanted = asked and (self.session is None or id_token.MFA not in self.session.amr)
        if wanted and "none" in self.prompts:
            raise UnmetAuthenticationError(redirect_uri=self.redirect_uri)
        return wanted

    def must_consent(self) -> bool:
        """Tell whether the user has to be asked; raises ConsentRequiredError where nobody may be.

        What any program on somebody's machine could take for itself is asked each time (RFC 8252, section 8.6).
        """
        if self.client.first_party and "consent" not in self.prompts:
            return False
        again = "consent" in self.prompts or (is_of_an_app(self.redirect_uri) and self.client.public)
        given = OAuthConsent.objects.filter(user=self.user, client=self.client).first()
        wanted = {*self.scopes, *self.audiences}
        if not again and given and wanted <= {*given.scopes, *given.audiences}:
            return False
        if "none" in self.prompts:
            raise ConsentRequiredError(redirect_uri=self.redirect_uri)
        return True

    def remember_consent(self) -> None:
        """Note what the user has allowed, with what they allowed before."""
        given, _ = OAuthConsent.objects.get_or_create(user=self.user, client=self.client)
        given.scopes = sorted({*given.scopes, *self.scopes})
        given.audiences = sorted({*given.audiences, *self.audiences})
        given.save()


def read(http: HttpRequest, found: Parameters) -> Authorization:
    """Judge a request; raises OAuth2Error, whose `redirect_uri` is set where the client may be told of it."""
    request = Request(http, found)
    user = http.user if isinstance(http.user, User) else None
    row = row_of(http)
    request.session = row
    grant = server.get_consent_grant(request, user)
    try:
        return _read(request, grant, user, row)
    except OAuth2Error as error:
        error.redirect_uri = grant.redirect_uri
        raise


def _read(request: Request, grant: Any, user: User | None, row: Session | None) -> Authorization:
    for name in ("request", "request_uri"):
        if text(request, name):
            raise NotSupportedError(error=f"{name}_not_supported")
    if text(request, "response_mode") not in {"", "query"}:
        raise InvalidRequestError("The only response_mode here is query.")
    prompts = frozenset(text(request, "prompt").split()) & _PROMPTS
    if "none" in prompts and len(prompts) > 1:
        raise InvalidRequestError("A prompt of none stands alone.")
    max_age = text(request, "max_age")
    if max_age and not (max_age.isascii() and max_age.isdecimal() and len(max_age) < 10):  # noqa: PLR2004
        raise InvalidRequestError("The max_age is a number of seconds.")
    authorization = Authorization(request, grant, user, row, prompts, int(max_age) if max_age else None)
    audiences.granted(request, authorization.client)
    return authorization
