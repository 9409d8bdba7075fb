# Made by Django 5.2.19; the triggers by hand.

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_TABLE = "identity_change"
_SAID = "the record of changes is only ever added to"

_SQLITE = [
    f"CREATE TRIGGER {_TABLE}_kept_{what.lower()} BEFORE {what} ON {_TABLE} "
    f"BEGIN SELECT RAISE(ABORT, '{_SAID}'); END"
    for what in ("UPDATE", "DELETE")
]
_POSTGRESQL = [
    f"CREATE FUNCTION {_TABLE}_kept() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{_SAID}'; END $$",
    f"CREATE TRIGGER {_TABLE}_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON {_TABLE} "
    f"FOR EACH STATEMENT EXECUTE FUNCTION {_TABLE}_kept()",
]


def _keep(_apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def _let_go(_apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":  # SQLite's triggers go with their table
        schema_editor.execute(f"DROP TRIGGER {_TABLE}_kept ON {_TABLE}")
        schema_editor.execute(f"DROP FUNCTION {_TABLE}_kept()")


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0008_service_accounts"),
    ]

    operations = [
        migrations.CreateModel(
            name="Change",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_index=True)),
                ("actor", models.CharField(db_index=True, max_length=300)),
                ("actor_sub", models.UUIDField(null=True)),
                ("address", models.CharField(blank=True, max_length=45)),
                ("what", models.CharField(db_index=True, max_length=60)),
                ("whom", models.CharField(db_index=True, max_length=300)),
                ("details", models.JSONField(default=dict)),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.AlterModelOptions(name="apikey", options={"verbose_name": "API key"}),
        migrations.AlterModelOptions(name="oauthclient", options={"verbose_name": "client"}),
        migrations.RunPython(_keep, _let_go),
    ]
