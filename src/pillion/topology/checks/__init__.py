"""What must hold between the values of a topology: a pure function of the draft for each concern."""

from collections.abc import Callable, Iterator
from typing import Final

from pillion.topology.checks.addresses import check_addresses
from pillion.topology.checks.callers import check_callers
from pillion.topology.checks.calls import check_calls
from pillion.topology.checks.duplicates import check_duplicates
from pillion.topology.checks.issuers import check_issuers
from pillion.topology.checks.mail import check_mail
from pillion.topology.checks.origins import check_origins
from pillion.topology.checks.paths import check_paths
from pillion.topology.checks.providers import check_providers
from pillion.topology.checks.rules import check_rules
from pillion.topology.checks.users import check_users
from pillion.topology.draft import Draft
from pillion.topology.finding import Finding

# The order does not matter: problems are sorted by their place in the file.
CHECKS: Final[tuple[Callable[[Draft], Iterator[Finding]], ...]] = (
    check_addresses,
    check_callers,
    check_calls,
    check_duplicates,
    check_issuers,
    check_mail,
    check_origins,
    check_paths,
    check_providers,
    check_rules,
    check_users,
)
