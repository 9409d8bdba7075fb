"""Identity as Django knows it."""

from django.apps import AppConfig


class IdentityConfig(AppConfig):
    """The one application of ours; its label names the tables."""

    name = "pillion.identity"
    label = "identity"
    default_auto_field = "django.db.models.BigAutoField"
