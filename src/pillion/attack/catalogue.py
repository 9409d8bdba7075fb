"""All families of attacks, in the order in which they are tried."""

from typing import Final

from pillion.attack.families import (
    algorithms,
    claims,
    embedded_keys,
    encodings,
    key_ids,
    kinds,
    signatures,
)
from pillion.attack.outcome import Family

FAMILIES: Final[tuple[Family, ...]] = (
    algorithms.FAMILY,
    embedded_keys.FAMILY,
    key_ids.FAMILY,
    signatures.FAMILY,
    encodings.FAMILY,
    kinds.FAMILY,
    claims.FAMILY,  # last: it waits until a token has expired that was made at the start
)
