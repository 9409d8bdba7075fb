"""Tells control and identity, in files, which workloads the mesh consists of."""

from pillion.local import control_config, service_accounts
from pillion.local.workloads import Machine
from pillion.plan import Plan
from pillion.topology.model import Database


def tell(machine: Machine, database: Database, plan: Plan, *others: Plan) -> None:
    """Name the workloads of `plan`, and those of `others` as well: some of them run still."""
    control_config.write(machine.folder, database, plan, *others)
    service_accounts.write(machine.folder, machine.control_key, plan, *others)
