"""SQLite: INSERT OR REPLACE puts a row in another's place, and fires no trigger for DELETE."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_TABLE = "identity_change"
_TRIGGER = f"{_TABLE}_kept_replace"


def _keep(_apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute(
            f"CREATE TRIGGER {_TRIGGER} BEFORE INSERT ON {_TABLE} "
            f"WHEN EXISTS (SELECT 1 FROM {_TABLE} WHERE id = NEW.id) "
            "BEGIN SELECT RAISE(ABORT, 'the record of changes is only ever added to'); END"
        )


def _let_go(_apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute(f"DROP TRIGGER {_TRIGGER}")


class Migration(migrations.Migration):
    """One trigger more."""

    dependencies = [("identity", "0010_tries")]
    operations = [migrations.RunPython(_keep, _let_go)]
