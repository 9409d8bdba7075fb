"""All families of attacks, in the order in which they are tried."""

from typing import Final

from pillion.attack.families import (
    algorithms,
    authorization,
    claims,
    cookies,
    csrf,
    egress,
    embedded_keys,
    encodings,
    enumeration,
    headers,
    insides,
    key_ids,
    kinds,
    oauth,
    paths,
    placement,
    proxies,
    redirects,
    requests,
    service_ports,
    sessions,
    sidecars,
    signatures,
    smuggling,
)
from pillion.attack.outcome import Family

FAMILIES: Final[tuple[Family, ...]] = (
    algorithms.FAMILY,
    embedded_keys.FAMILY,
    key_ids.FAMILY,
    signatures.FAMILY,
    encodings.FAMILY,
    kinds.FAMILY,
    placement.FAMILY,
    authorization.FAMILY,
    sessions.FAMILY,
    oauth.FAMILY,
    headers.FAMILY,
    proxies.FAMILY,
    paths.FAMILY,
    smuggling.FAMILY,
    requests.FAMILY,
    cookies.FAMILY,
    csrf.FAMILY,
    csrf.LOGIN_FAMILY,
    redirects.FAMILY,
    enumeration.FAMILY,
    sidecars.FAMILY,
    egress.FAMILY,
    service_ports.FAMILY,
    insides.FAMILY,
    claims.FAMILY,  # last: it waits until a token has expired that was made at the start
)
