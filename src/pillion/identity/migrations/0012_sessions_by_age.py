"""The latest sessions are found without sorting all of them; what a grant is called in the admin."""

from typing import Any, ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("identity", "0011_no_change_replaced")]

    operations: ClassVar[list[Any]] = [
        migrations.AddIndex(
            model_name="session",
            index=models.Index(fields=["created_at", "sid"], name="session_by_age"),
        ),
        migrations.AlterModelOptions(name="oauthgrant", options={"verbose_name": "grant"}),
    ]
