"""What an operator types of a new account, in the words of `pillion user add`."""

from typing import Any

from django import forms

from pillion.identity import accounts, passwords
from pillion.identity.accounts import AccountError, InvalidAccountError
from pillion.identity.models import User


class AddForm(forms.ModelForm):  # type: ignore[type-arg]  # none at run time
    """Email, password and roles of a new account; the operator vouches for the address."""

    email = forms.EmailField(max_length=254, label="Email")
    password = forms.CharField(
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        max_length=passwords.LONGEST,
        strip=False,
        help_text=f"{passwords.SHORTEST} characters or more; its owner can choose another.",
    )
    roles = forms.CharField(
        required=False, max_length=800, help_text="With spaces between, such as “manager clerk”."
    )

    class Meta:
        """Nothing of the row itself is typed."""

        model = User
        fields = ()

    def clean(self) -> dict[str, Any]:
        """Make the account at once: only that tells whether it can be."""
        given = super().clean() or {}
        if not self.errors:
            try:
                made = accounts.add_user(given["email"], given["password"], given["roles"].split())
            except (AccountError, InvalidAccountError) as error:
                raise forms.ValidationError(str(error)) from None
            self.instance = User.objects.get(pk=made.sub)
        return given

    def save(self, commit: bool = True) -> Any:
        """Give the account; it is there."""
        return self.instance

    def save_m2m(self) -> None:
        """Do nothing: Django asks for it."""
