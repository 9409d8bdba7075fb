"""Identity: users, sign-in, sessions, keys, tokens. The only part that holds a private key."""

from pillion.identity.config import Config


def setup(config: Config) -> None:
    """Make Django ready in this process, for `config`; then `pillion.identity.accounts` can be imported.

    Once per process: a second call with another configuration raises RuntimeError, since Django's settings
    cannot be changed. Raises MasterKeyError when there is no usable master key.
    """
    import os  # noqa: PLC0415 - Django, too, is imported only by those who need it

    from pillion.identity import config as configuration  # noqa: PLC0415

    os.umask(0o077)  # what this process writes from here on, the database above all, is its user's alone
    configuration.use(config)
    os.environ["DJANGO_SETTINGS_MODULE"] = "pillion.identity.settings"
    import django  # noqa: PLC0415

    django.setup()
