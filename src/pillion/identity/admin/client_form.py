"""What an operator types of a client, in the words of `pillion client add` and `change`."""

from typing import Any, Final

from django import forms

from pillion.identity.accounts import AccountError, InvalidAccountError
from pillion.identity.models import OAuthClient
from pillion.identity.oauth import client_care
from pillion.identity.oauth.client_metadata import GRANT_NAMES, Wanted

# What is written with spaces or line ends between.
_LISTS: Final = ("redirect_uris", "scopes", "audiences", "roles", "post_logout_redirect_uris")
# Each field tells what it showed at first: so what somebody else has changed meanwhile is not changed back.
_USUAL: Final[dict[str, Any]] = {"required": False, "show_hidden_initial": True}
_WORDS: Final[dict[str, Any]] = _USUAL | {"widget": forms.TextInput({"class": "vLargeTextField"})}
_LINES: Final[dict[str, Any]] = _USUAL | {"widget": forms.Textarea({"rows": 3, "class": "vLargeTextField"})}


class ChangeForm(forms.ModelForm):  # type: ignore[type-arg]  # none at run time
    """What can be changed of a client."""

    name = forms.CharField(max_length=100, show_hidden_initial=True)
    first_party = forms.BooleanField(
        **_USUAL, help_text="It is yours: people are not asked whether they allow it."
    )
    redirect_uris = forms.CharField(
        **_LINES, label="Redirect URIs", help_text="One a line; where people come back to."
    )
    grants = forms.MultipleChoiceField(
        **_USUAL,
        choices=[(name, name) for name in GRANT_NAMES],
        widget=forms.CheckboxSelectMultiple,
        help_text="None: sign-in and refresh where there is a redirect URI, else client_credentials.",
    )
    scopes = forms.CharField(**_WORDS, help_text="With spaces between. None: openid email.")
    audiences = forms.CharField(**_WORDS, help_text="With spaces between. None: the mesh.")
    roles = forms.CharField(**_WORDS, help_text="Of a program that acts for itself; with spaces between.")
    post_logout_redirect_uris = forms.CharField(
        **_LINES, label="Post-logout redirect URIs", help_text="One a line."
    )
    backchannel_logout_uri = forms.CharField(**_WORDS, label="Back-channel logout URI")

    class Meta:
        """Nothing of the row itself is typed."""

        model = OAuthClient
        fields = ()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        client = options.get("instance")
        super().__init__(*arguments, **options)
        if client is not None:
            self.initial = _shown(client_care.find(client.pk))

    def clean(self) -> dict[str, Any]:
        """Do it at once: only that tells whether it can be."""
        given = super().clean() or {}
        if not self.errors:
            try:
                self.instance = OAuthClient.objects.get(pk=self.done(_read(given)).client_id)
            except (AccountError, InvalidAccountError) as error:
                raise forms.ValidationError(str(error)) from None
        return given

    def done(self, given: dict[str, Any]) -> client_care.Client:
        """Change what was typed over."""
        changed = {name: given[name] for name in self.changed_data}
        return client_care.change(self.instance.pk, **changed)

    def save(self, commit: bool = True) -> Any:
        """Give the client; it is there."""
        return self.instance

    def save_m2m(self) -> None:
        """Do nothing: Django asks for it."""


class AddForm(ChangeForm):
    """What a new client is to be."""

    field_order = ("name", "public")

    public = forms.BooleanField(
        required=False, help_text="It can keep no secret: an app, or a page's script."
    )

    secret: str | None = None

    def done(self, given: dict[str, Any]) -> client_care.Client:
        """Register it."""
        client, self.secret = client_care.add(Wanted(**given))
        return client

    def save(self, commit: bool = True) -> Any:
        """Give the client; its secret goes along, to be shown once."""
        self.instance.secret_once = self.secret
        return self.instance


def _read(given: dict[str, Any]) -> dict[str, Any]:
    """Give what was typed as `Wanted` has it."""
    lists = {name: tuple(given[name].split()) for name in _LISTS}
    backchannel = given["backchannel_logout_uri"].strip()
    return given | lists | {"grants": tuple(given["grants"]), "backchannel_logout_uri": backchannel}


def _shown(client: client_care.Client) -> dict[str, Any]:
    """Give a client as its form shows it."""
    ends = {name: "\n" if name.endswith("uris") else " " for name in _LISTS}
    lists = {name: ends[name].join(getattr(client, name)) for name in _LISTS}
    return client.document() | lists
