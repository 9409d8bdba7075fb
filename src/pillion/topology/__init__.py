"""What the user wrote: reads pillion.yaml, and says what is wrong with it and where.

The text becomes nodes with places (`nodes`), plain data with variables put in (`source`, `variables`), and is
held against the models (`model`, `translate`). What values must be to each other is checked on a draft, which
is what can be used although other parts are wrong (`draft`, `checks`), so that all problems come at once.
"""

from pillion.topology.address import Address, DnsAddress, UnixSocket
from pillion.topology.files import find
from pillion.topology.issuer import Issuer
from pillion.topology.loading import load, load_for_pods
from pillion.topology.mail import MailServer
from pillion.topology.model import (
    Edge,
    Identity,
    Provider,
    Rule,
    Service,
    Telemetry,
    Tls,
    Tokens,
    Topology,
    Users,
)
from pillion.topology.schema import json_schema
from pillion.topology.trust import claim_path

__all__ = [
    "Address",
    "DnsAddress",
    "Edge",
    "Identity",
    "Issuer",
    "MailServer",
    "Provider",
    "Rule",
    "Service",
    "Telemetry",
    "Tls",
    "Tokens",
    "Topology",
    "UnixSocket",
    "Users",
    "claim_path",
    "find",
    "json_schema",
    "load",
    "load_for_pods",
]
