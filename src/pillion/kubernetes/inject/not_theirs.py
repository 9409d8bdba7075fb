"""What of Pillion's own no pod of somebody else's may use: its Secrets, its accounts, its authority."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from pillion.kubernetes.inject.remark import Manifest, Path, Remark
from pillion.kubernetes.names import ISSUER

_OURS: Final = "pillion-"
_ACCOUNTS: Final = ("serviceAccountName", "serviceAccount")
_KINDS: Final = ("initContainers", "containers", "ephemeralContainers")
# How the many kinds of volumes name a Secret: by its name, or as an object with a name.
_BY_NAME: Final = "secretName"
_BY_REFERENCE: Final = ("secret", "secretref", "secretkeyref")
# cert-manager's driver has a certificate made for a pod, for any name that the pod asks for.
_CERTIFICATE_DRIVER: Final = "csi.cert-manager.io"
_ITS_ISSUER: Final = f"{_CERTIFICATE_DRIVER}/issuer-name"


def remarks(spec: Manifest, but: Collection[str] = ()) -> Iterator[Remark]:
    """Say what a pod uses that is Pillion's; volumes with the names in `but` are looked at elsewhere."""
    for key in _ACCOUNTS:
        if _is_ours(spec.get(key)):
            message = (
                f"the account '{spec[key]}' is Pillion's, and may change the keys that Envoys believe in"
            )
            yield Remark(("spec", key), message, "give the pod an account of its own")
    for kind in _KINDS:
        for index, container in enumerate(spec.get(kind) or ()):
            path = ("spec", kind, index)
            yield from _secrets((*path, "env"), container.get("env"))
            yield from _secrets((*path, "envFrom"), container.get("envFrom"))
    for index, volume in enumerate(spec.get("volumes") or ()):
        if volume.get("name") not in but:
            yield from _secrets(("spec", "volumes", index), volume)
            yield from _authority(("spec", "volumes", index), volume)


def _secrets(path: Path, value: Any) -> Iterator[Remark]:
    """Look for names of Secrets anywhere below."""
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from _secrets((*path, index), each)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _secrets((*path, key), each)
            if key == _BY_NAME:
                yield from _secret((*path, key), each)
            elif isinstance(each, Mapping) and str(key).lower().endswith(_BY_REFERENCE):
                yield from _secret((*path, key, "name"), each.get("name"))


def _secret(path: Path, name: Any) -> Iterator[Remark]:
    if _is_ours(name):
        message = f"the Secret '{name}' is Pillion's: a service has no business with it"
        yield Remark(path, message, "take it out")


def _authority(path: Path, volume: Manifest) -> Iterator[Remark]:
    driver = volume.get("csi")
    attributes = driver.get("volumeAttributes") if isinstance(driver, Mapping) else None
    if isinstance(attributes, Mapping) and str(attributes.get(_ITS_ISSUER)).startswith(ISSUER):
        message = "has the mesh's authority make a certificate for whatever name the pod asks for"
        yield Remark((*path, "csi", "volumeAttributes", _ITS_ISSUER), message, "use an issuer of your own")


def _is_ours(name: Any) -> bool:
    return isinstance(name, str) and name.startswith(_OURS)
