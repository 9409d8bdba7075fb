"""Which providers there are, by name; and who Google, Microsoft, Facebook and GitHub are."""

from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Final, Literal

from django.conf import settings

from pillion.identity import config
from pillion.identity.refusal import Refusal

# Accounts that people have at home; whose tenant it is says nothing of them (Microsoft's documentation of `tid`).
_AT_HOME: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"
_EVERYBODY: Final = frozenset({"common", "organizations", "consumers", _AT_HOME})
_MICROSOFT: Final = "https://login.microsoftonline.com"
_TITLES: Final = {"google": "Google", "microsoft": "Microsoft", "github": "GitHub", "facebook": "Facebook"}
# In the place of the tenant, in the issuer that Microsoft says for everybody.
ANY_TENANT: Final = "{tenantid}"


@dataclass(frozen=True)
class Provider:
    """A provider as it is asked.

    `issuer` says whose people they are, and is half of what an account is linked by. `believes_email` says whether
    its word that an address was verified is taken; `proves_again` whether it says when it last asked somebody.
    """

    name: str
    title: str
    kind: Literal["openid", "github", "facebook"]
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    tenant: str = ""
    scopes: tuple[str, ...] = ()
    roles: config.ProviderRoles | None = None
    believes_email: bool = True
    proves_again: bool = True

    @property
    def callback(self) -> str:
        """Where it sends people back to."""
        return f"{settings.PILLION.origin}/sign-in/with/{self.name}/callback"

    @property
    def configuration(self) -> str:
        """Where it says what it is (OpenID Connect Discovery 1.0, section 4)."""
        where = self.issuer.replace(ANY_TENANT, self.tenant).rstrip("/")
        return f"{where}/.well-known/openid-configuration"


def all_of_them() -> list[Provider]:
    """Give the providers of this mesh, in the order of the topology."""
    return [_of(written) for written in settings.PILLION.providers]


def named(name: str) -> Provider:
    """Give a provider by its name; raises Refusal (404)."""
    found = next((one for one in all_of_them() if one.name == name), None)
    if found is None:
        raise Refusal(HTTPStatus.NOT_FOUND, "no-such-provider", "Nobody signs in by this provider here.")
    return found


def of_issuer(issuer: str) -> Provider | None:
    """Give the provider whose people an issuer's are; None if it is not of this mesh, or no more."""
    return next((one for one in all_of_them() if is_of(one, issuer)), None)


def is_of(provider: Provider, issuer: str) -> bool:
    """Tell whether an issuer is the provider; at Microsoft it is one of many, if it is to be any tenant."""
    before, any_tenant, after = provider.issuer.partition(ANY_TENANT)
    if not any_tenant or provider.name != "microsoft":
        return issuer == provider.issuer
    tenant = issuer.removeprefix(before).removesuffix(after)
    return f"{before}{tenant}{after}" == issuer and _is_tenant(tenant)


def _is_tenant(text: str) -> bool:
    shape = [len(part) for part in text.split("-")]
    return shape == [8, 4, 4, 4, 12] and set(text) <= set("0123456789abcdef-")


def _of(written: config.Provider) -> Provider:
    """Say who a provider of the topology is."""
    general = Provider(
        name=written.name,
        title=written.title or _TITLES.get(written.name, written.name),
        kind="openid",
        issuer=written.issuer or "",
        client_id=written.client_id,
        client_secret=written.client_secret,
        scopes=("openid", "email", *written.scopes),
        roles=written.roles,
    )
    match written.name:
        case "google":
            # It does not ask again on demand, and does not say when it last did.
            return replace(general, issuer="https://accounts.google.com", proves_again=False)
        case "microsoft":
            tenant = written.tenant or "common"
            # Any tenant's administrator writes any address there ("nOAuth"); one's own is believed.
            return replace(
                general,
                issuer=f"{_MICROSOFT}/{_tenant_in_issuer(tenant)}/v2.0",
                tenant=tenant,
                believes_email=tenant not in _EVERYBODY,
            )
        case "github":
            oauth = replace(general, kind="github", issuer="https://github.com", scopes=("user:email",))
            return replace(oauth, proves_again=False)
        case "facebook":
            # It says of no address that it was verified.
            oauth = replace(general, kind="facebook", issuer="https://www.facebook.com", scopes=("email",))
            return replace(oauth, proves_again=False, believes_email=False)
    return general


def _tenant_in_issuer(tenant: str) -> str:
    if tenant == "consumers":
        return _AT_HOME
    return ANY_TENANT if tenant in _EVERYBODY - {_AT_HOME} else tenant
