"""Keeps what the Envoys were told last in files, for those that start while control is away."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pillion.control.facts import Facts
from pillion.control.issuer_keys import IssuerKeys, KeysError, parse
from pillion.envoy.known import NO_KEY, known_files, with_no_key
from pillion.envoy.names import JWKS_FILE, trusted_keys_file
from pillion.plan.model import Issuer


def write_known(envoys: Path, facts: Facts, trusted: Mapping[Issuer, IssuerKeys]) -> OSError | None:
    """Replace the files below `envoys`, each in one step (0600); a set without keys leaves the last one.

    A set of another issuer's says whose it is: Envoy overlooks that, `read_trusted` does not. Gives the error, if
    there is a file that could not be written; the others are.
    """
    failed = None
    for name, text in known_texts(facts.jwks, facts.revoked, trusted).items():
        if facts.keys or name != JWKS_FILE:
            try:
                _replace(envoys / name, text)
            except OSError as error:
                failed = error
    return failed


def known_texts(
    jwks: Mapping[str, Any], revoked: Iterable[str], trusted: Mapping[Issuer, IssuerKeys]
) -> dict[str, str]:
    """Give the files' text by path, such as `_known/jwks.json`."""
    return known_files(jwks, revoked, {issuer.name: _named(issuer, keys) for issuer, keys in trusted.items()})


def read_trusted(envoys: Path, issuer: Issuer) -> IssuerKeys:
    """Give the last good set of this issuer, from its file; none if that is of another, or cannot be read."""
    try:
        text = (envoys / trusted_keys_file(issuer.name)).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return IssuerKeys()
    return parse_trusted(text, issuer)


def parse_trusted(text: str, issuer: Issuer) -> IssuerKeys:
    """Take this issuer's set out of the text of its file; none if that is of another, or of nobody."""
    try:
        written = json.loads(text)
        if (written["issuer"], written["jwks_uri"]) == (issuer.issuer, issuer.keys):
            keys = tuple(key for key in parse(text) if key.get("kid") != NO_KEY["kid"])
            return IssuerKeys(keys, float(written["fetched_at"]))
    except (ValueError, KeyError, TypeError, KeysError):
        pass
    return IssuerKeys()


def ensure_trusted(envoys: Path, issuers: Iterable[Issuer]) -> None:
    """Have a file for each of these, without a key where none is known: an Envoy may start now."""
    for issuer in issuers:
        if not read_trusted(envoys, issuer).keys:
            text = known_files({}, (), {issuer.name: _named(issuer, IssuerKeys())})
            _replace(envoys / trusted_keys_file(issuer.name), text[trusted_keys_file(issuer.name)])


def _named(issuer: Issuer, keys: IssuerKeys) -> dict[str, object]:
    return {
        **with_no_key(keys.keys),
        "issuer": issuer.issuer,
        "jwks_uri": issuer.keys,
        "fetched_at": keys.fetched_at,
    }


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.control")
    draft.unlink(missing_ok=True)
    with os.fdopen(
        os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)
    draft.replace(path)
