"""One set of Envoys for the tests that do not need one of their own."""

from collections.abc import Iterator

import pytest

from tests.envoy import rig
from tests.envoy.rig import Rig

SERVICES = """
  orders:
    app: APP
    paths: [/api/orders]
    calls: [inventory]
    rules:
      - {path: /api/orders/open, allow: anyone}
      - {path: /api/orders/reports, methods: [GET], roles: [manager, auditor]}
      - {path: /api/orders/reports/daily, allow: anyone}
      - {path: /api/orders/any-role, roles: [clerk]}
      - {path: /api/orders/drop, methods: [DELETE, PUT], roles: [manager]}
      - {path: /api/orders/payouts/mine, mfa: true}
      - {path: /api/orders/payouts, methods: [POST], roles: [manager], mfa: true}
      - {path: /api/orders/payouts, mfa: true}
      - {path: /api/orders/export, scopes: [orders:write, orders:read]}
      - {path: /api/orders/all, scopes: [orders:read], roles: [manager], claims: {department: sales}, mfa: true}
      - {path: /api/orders/sales, claims: {department: [sales, 7, true], act.sub: c4c1}}
  inventory:
    app: APP
  lonely:
    app: APP
    paths: [/lonely]
"""


@pytest.fixture(scope="package")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Give the running Envoys."""
    with rig.running(tmp_path_factory.mktemp("rig"), SERVICES) as started:
        yield started
