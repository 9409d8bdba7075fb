"""What an ordinary user does at the edge: signs in, signs out, lets a program act for them."""

import hashlib
import re
import secrets
from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

from pillion.attack import jose, wire
from pillion.attack.outcome import CannotBeTriedError
from pillion.attack.target import Account, Door, Target
from pillion.attack.wire import Answer
from pillion.vocabulary import AUTHORIZE_PATH, SIGN_IN_PATH, TOKEN_PATH


@dataclass(frozen=True)
class Browser:
    """What a browser holds that has signed in."""

    session: str
    token: str

    def cookie(self, target: Target, *, token: bool = True) -> str:
        """Write its Cookie header, with the token or with the session alone."""
        held = f"{target.cookies.session}={self.session}"
        return f"Cookie: {held}; {target.cookies.token}={self.token}" if token else f"Cookie: {held}"


def try_to_sign_in(target: Target, account: Account, *fields: str, door: Door | None = None) -> Answer:
    """Send an address and a password, as a program does."""
    form = {"email": account.email, "password": account.password}
    return wire.post(door or target.edge, SIGN_IN_PATH, form, *fields)


def sign_in(target: Target, account: Account | None = None) -> Browser:
    """Sign in; raises CannotBeTriedError if that is refused."""
    answer = try_to_sign_in(target, account or target.user)
    set_ = {name: value.partition(";")[0] for name, value in answer.cookies().items()}
    if not {target.cookies.session, target.cookies.token} <= set_.keys():
        raise CannotBeTriedError(f"signing in was answered {answer}")
    return Browser(set_[target.cookies.session], set_[target.cookies.token])


def sign_out(target: Target, browser: Browser) -> None:
    """Sign out."""
    origin = f"Origin: {target.origin}"
    answer = wire.request(target.edge, "POST", "/sign-out", browser.cookie(target), origin)
    if answer.status != 204:
        raise CannotBeTriedError(f"signing out was answered {answer}")


@dataclass(frozen=True)
class Request:
    """An authorization request, and the secret behind its PKCE challenge (RFC 7636)."""

    parameters: dict[str, str]
    verifier: str


def authorization(target: Target, **changed: str) -> Request:
    """Write an authorization request of our client, with these changes; an empty text leaves a parameter out."""
    verifier = secrets.token_urlsafe(48)
    parameters = {
        "response_type": "code",
        "client_id": target.client.client_id,
        "redirect_uri": target.client.redirect_uri,
        "scope": "openid",
        "state": secrets.token_urlsafe(8),
        "nonce": secrets.token_urlsafe(8),
        "code_challenge": jose.encoded(hashlib.sha256(verifier.encode()).digest()),
        "code_challenge_method": "S256",
    } | changed
    return Request({name: value for name, value in parameters.items() if value}, verifier)


def authorize(target: Target, browser: Browser, request: Request) -> Answer:
    """Send it, as the browser of somebody who is signed in."""
    path = f"{AUTHORIZE_PATH}?{urlencode(request.parameters)}"
    return wire.request(target.edge, "GET", path, browser.cookie(target), "Accept: text/html")


def code_of(answer: Answer) -> str:
    """Read the code from where the browser is sent; empty if there is none."""
    return parse_qs(urlsplit(answer.header("location")).query).get("code", [""])[0]


def redeem(target: Target, form: dict[str, str], client: tuple[str, str] | None = None) -> Answer:
    """Ask for tokens, as our client or as the one whose id and secret are given."""
    name, secret = client or (target.client.client_id, target.client.secret)
    basic = b64encode(f"{name}:{secret}".encode()).decode()
    return wire.request(
        target.edge,
        "POST",
        TOKEN_PATH,
        f"Authorization: Basic {basic}",
        "Content-Type: application/x-www-form-urlencoded",
        body=urlencode(form).encode(),
    )


def grant(target: Target, browser: Browser) -> tuple[str, Request]:
    """Let our client act for the user; gives the code."""
    request = authorization(target)
    answer = authorize(target, browser, request)
    code = code_of(answer)
    if not code:
        raise CannotBeTriedError(f"no code for our client: {answer}")
    return code, request


def exchanged(target: Target, code: str, request: Request) -> dict[str, str]:
    """Exchange a code for tokens."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": target.client.redirect_uri,
        "code_verifier": request.verifier,
    }
    return _tokens(redeem(target, form))


def tokens(target: Target) -> dict[str, str]:
    """Sign in, let our client act for the user, and give its tokens: access_token, id_token, refresh_token."""
    return exchanged(target, *grant(target, sign_in(target)))


def client_token(target: Target, audience: str) -> str:
    """Get a token for an audience, as our client itself."""
    form = {"grant_type": "client_credentials", "resource": audience}
    return _tokens(redeem(target, form))["access_token"]


def refreshed(target: Target, refresh_token: str) -> Answer:
    """Use a refresh token."""
    return redeem(target, {"grant_type": "refresh_token", "refresh_token": refresh_token})


def is_hidden(word: str, text: bytes) -> bool:
    """Say whether a word stands nowhere in what was answered, escaped or not."""
    return re.search(re.escape(word), text.decode("latin-1"), re.IGNORECASE) is None


def _tokens(answer: Answer) -> dict[str, str]:
    found = answer.json()
    if "access_token" not in found:
        raise CannotBeTriedError(f"no tokens for our client: {answer}")
    return found
