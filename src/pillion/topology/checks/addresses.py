"""No two programs can have one address: neither two services, nor one and the edge or the metrics."""

import posixpath
from collections import defaultdict
from collections.abc import Iterator

from pillion.topology.address import Address, UnixSocket
from pillion.topology.draft import Draft, Item
from pillion.topology.finding import Finding
from pillion.topology.wording import key_name


def check_addresses(draft: Draft) -> Iterator[Finding]:
    """Find each address that something earlier in the list, the edge first, has already."""
    # Those that may clash stand together: of one port, or sockets.
    taken: defaultdict[int | None, list[Item[Address] | Item[Address | UnixSocket]]] = defaultdict(list)
    for wanted in (draft.edge.listen, draft.metrics, *(service.app for service in draft.services)):
        if not wanted:
            continue
        rivals = taken[None if isinstance(wanted.value, UnixSocket) else wanted.value.port]
        earlier = next((item for item in rivals if clash(item.value, wanted.value)), None)
        if earlier:
            message = f"{{written}} is taken by {key_name(earlier.path)}, {earlier.written}"
            yield Finding(wanted.path, "address-clash", message)
        rivals.append(wanted)


def clash(one: Address | UnixSocket, other: Address | UnixSocket) -> bool:
    """Tell whether two programs cannot both listen: a wildcard takes the port everywhere."""
    if isinstance(one, UnixSocket) or isinstance(other, UnixSocket):
        if isinstance(one, UnixSocket) and isinstance(other, UnixSocket):
            return posixpath.normpath(one.path) == posixpath.normpath(other.path)
        return False
    if one.port != other.port:
        return False
    return one.ip == other.ip or _takes_in(one, other) or _takes_in(other, one)


def _takes_in(wildcard: Address, other: Address) -> bool:
    """Tell whether `wildcard` is 0.0.0.0 beside IPv4, or ::, which takes in IPv4 too (RFC 3493, 5.3)."""
    return wildcard.ip.is_unspecified and wildcard.ip.version >= other.ip.version
