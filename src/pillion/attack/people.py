"""What an ordinary user does at the edge: signs in, signs out, lets a program act for them."""

import hashlib
import secrets
from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

from pillion.attack import jose, wire
from pillion.attack.outcome import CannotBeTriedError
from pillion.attack.target import Account, Browser, Door, Target
from pillion.attack.wire import Answer
from pillion.vocabulary import AUTHORIZE_PATH, SIGN_IN_PATH, TOKEN_PATH, Cookies


def try_to_sign_in(edge: Door, account: Account, *fields: str) -> Answer:
    """Send an address and a password, as a program does."""
    return wire.post(edge, SIGN_IN_PATH, {"email": account.email, "password": account.password}, *fields)


def sign_in(target: Target, account: Account | None = None) -> Browser:
    """Sign in; raises CannotBeTriedError if that is refused."""
    answer = try_to_sign_in(target.edge, account or target.user)
    found = signed_in(answer, target.cookies)
    if found is None:
        raise CannotBeTriedError(f"signing in was answered {answer}")
    return found


def signed_in(answer: Answer, names: Cookies) -> Browser | None:
    """Give what a browser holds after this answer to a sign-in; None if it signed nobody in."""
    values = {name: value.partition(";")[0] for name, value in answer.cookies().items()}
    session, token = values.get(names.session), values.get(names.token)
    return Browser(session, token) if session and token else None


def sign_out(target: Target, browser: Browser) -> None:
    """Sign out; raises CannotBeTriedError if that is refused."""
    origin = f"Origin: {target.origin}"
    answer = wire.request(target.edge, "POST", "/sign-out", browser.cookie(target.cookies), origin)
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
    return wire.request(target.edge, "GET", path, browser.cookie(target.cookies), "Accept: text/html")


def code_of(answer: Answer) -> str:
    """Read the code from where the browser is sent; empty if there is none."""
    return parse_qs(urlsplit(answer.header("location")).query).get("code", [""])[0]


def redeem(target: Target, form: dict[str, str]) -> Answer:
    """Ask for tokens, as our client."""
    return posted(target, TOKEN_PATH, form)


def posted(target: Target, path: str, form: dict[str, str], secret: str | None = None) -> Answer:
    """Post a form as our client, by its secret or by the one that is given."""
    basic = b64encode(f"{target.client.client_id}:{secret or target.client.secret}".encode()).decode()
    return wire.request(
        target.edge,
        "POST",
        path,
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


def _tokens(answer: Answer) -> dict[str, str]:
    found = answer.json()
    if "access_token" not in found:
        raise CannotBeTriedError(f"no tokens for our client: {answer}")
    return found
