"""A sign-in writes two indexes less: what asked by them asks by another, or looks at all rows once a minute."""

from typing import Any, ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def _dropped(name: str, on: str) -> migrations.RunSQL:
    """Drop it by its name, which Django makes of the table's and the column's: SQLite's table is not made anew."""
    return migrations.RunSQL(f"DROP INDEX IF EXISTS {name}", f"CREATE INDEX {name} ON {on}")


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("identity", "0012_sessions_by_age")]

    operations: ClassVar[list[Any]] = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                _dropped("identity_session_user_id_b9dc93c0", "identity_session (user_id)"),
                _dropped("identity_tries_until_747b6bd2", "identity_tries (until)"),
            ],
            state_operations=[
                migrations.AlterField(
                    model_name="session",
                    name="user",
                    field=models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                migrations.AlterField(model_name="tries", name="until", field=models.FloatField()),
            ],
        ),
    ]
