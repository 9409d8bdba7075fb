from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0006_oauth"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="service_id",
            field=models.CharField(editable=False, max_length=300, null=True, unique=True),
        ),
        migrations.AlterField(
            model_name="user",
            name="password",
            field=models.CharField(max_length=512),
        ),
    ]
