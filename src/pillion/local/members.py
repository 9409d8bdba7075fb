"""Tells control and identity, in files, which workloads the mesh consists of."""

from pillion.local import control_config, service_accounts
from pillion.local.folder import StateFolder
from pillion.plan import Plan
from pillion.topology.model import Database


def tell(folder: StateFolder, database: Database, plan: Plan, *others: Plan) -> None:
    """Name the workloads of `plan`, and those of `others` as well: some of them run still."""
    control_config.write(folder, database, plan, *others)
    service_accounts.write(folder, plan, *others)
