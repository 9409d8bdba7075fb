"""In PostgreSQL, tell control of every change that it has to know of; in SQLite it looks by itself.

A trigger, and not a line beside each write: whoever changes a table tells of it, an operator with psql as well.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# `pillion.control.postgresql` listens to this channel.
_TELL = """
CREATE FUNCTION pillion_tell() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NOTIFY pillion_changed; RETURN NULL; END $$
"""
_TRIGGER = """
CREATE TRIGGER pillion_tell AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION pillion_tell()
"""
_TABLES = ("identity_signingkey", "identity_revocation")


def _begin_to_tell(_: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        for statement in (_TELL, *(_TRIGGER.format(table=table) for table in _TABLES)):
            editor.execute(statement)


def _tell_no_more(_: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute("DROP FUNCTION pillion_tell CASCADE")


class Migration(migrations.Migration):
    """Triggers."""

    dependencies = [("identity", "0002_keys_and_revocations")]
    operations = [migrations.RunPython(_begin_to_tell, _tell_no_more)]
