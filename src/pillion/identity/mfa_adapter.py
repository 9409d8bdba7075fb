"""Where allauth asks us about second factors: how their secrets are kept, and what they are called."""

from collections.abc import Sequence
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings

from pillion.identity import master_key, passkeys, sealed_text
from pillion.identity.models import User
from pillion.identity.sql import scalar, stored, table


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Pillion's answers."""

    def is_mfa_enabled(self, user: User, types: Sequence[str] | None = None) -> bool:
        """Say whether the account has a second factor (of one of `types`); asked at each sign-in."""
        kinds = Authenticator.Type.values if types is None else types
        places = ", ".join(["%s"] * len(kinds))
        has = f"SELECT 1 FROM {table(Authenticator)} WHERE user_id = %s AND type IN ({places}) LIMIT 1"  # noqa: S608 - constants
        return scalar(has, stored(Authenticator, "user", user.pk), *kinds) is not None

    def encrypt(self, text: str) -> str:
        """Encrypt the seed of one-time codes or of recovery codes."""
        return sealed_text.seal(text, master_key.SECOND_FACTORS)

    def decrypt(self, encrypted_text: str) -> str:
        """Decrypt a seed; raises MasterKeyError."""
        return sealed_text.unseal(encrypted_text, master_key.SECOND_FACTORS)

    def get_totp_issuer(self) -> str:
        """Name the mesh, which an authenticator app shows above the code."""
        return str(settings.PILLION.mesh)

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Say for whom passkeys are: the origin's host, whatever a request calls us."""
        return {"id": passkeys.host(settings.PILLION), "name": settings.PILLION.mesh}

    def get_public_key_credential_user_entity(self, user: User) -> dict[str, Any]:
        """Say whose a passkey is. The id is random, and says nothing of the person (WebAuthn, section 14.6.1)."""
        return {"id": user.id.hex.encode(), "name": user.email, "display_name": user.email}
