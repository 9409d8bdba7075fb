"""What a pod template looks like in the parts that injection reads, and what one lacks of that."""

from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pillion.kubernetes.inject.remark import Manifest, RefusedError, Remark


class _Part(BaseModel):
    # An empty key is as good as none to Kubernetes, so that everything may be None.
    model_config = ConfigDict(extra="allow", strict=True)


class _Named(_Part):
    name: str


class _Reference(_Part):
    name: str | None = None


class _ValueFrom(_Part):
    secretKeyRef: _Reference | None = None  # noqa: N815 - Kubernetes' names, here and below


class _Variable(_Named):
    value: str | None = None
    valueFrom: _ValueFrom | None = None  # noqa: N815


class _VariablesFrom(_Part):
    secretRef: _Reference | None = None  # noqa: N815


class _Port(_Part):
    name: str | None = None
    containerPort: int | None = None  # noqa: N815
    hostPort: int | None = None  # noqa: N815


class _Ask(_Part):
    path: str | None = None
    port: int | str | None = None
    host: str | None = None


class _Action(_Part):
    httpGet: _Ask | None = None  # noqa: N815
    tcpSocket: _Ask | None = None  # noqa: N815
    grpc: _Ask | None = None


class _Lifecycle(_Part):
    postStart: _Action | None = None  # noqa: N815
    preStop: _Action | None = None  # noqa: N815


class _Capabilities(_Part):
    add: list[str] | None = None
    drop: list[str] | None = None


class _Security(_Part):
    runAsUser: int | None = None  # noqa: N815
    privileged: bool | None = None
    capabilities: _Capabilities | None = None


class _Container(_Named):
    command: list[str] | None = None
    args: list[str] | None = None
    env: list[_Variable] | None = None
    envFrom: list[_VariablesFrom] | None = None  # noqa: N815
    ports: list[_Port] | None = None
    volumeMounts: list[_Named] | None = None  # noqa: N815
    livenessProbe: _Action | None = None  # noqa: N815
    readinessProbe: _Action | None = None  # noqa: N815
    startupProbe: _Action | None = None  # noqa: N815
    lifecycle: _Lifecycle | None = None
    securityContext: _Security | None = None  # noqa: N815
    targetContainerName: str | None = None  # noqa: N815


class _SecretVolume(_Part):
    secretName: str | None = None  # noqa: N815


class _Source(_Part):
    secret: _Reference | None = None


class _Projected(_Part):
    sources: list[_Source] | None = None


class _HostPath(_Part):
    path: str


class _Volume(_Named):
    secret: _SecretVolume | None = None
    projected: _Projected | None = None
    hostPath: _HostPath | None = None  # noqa: N815


class _OperatingSystem(_Part):
    name: str | None = None


class _Spec(_Part):
    containers: list[_Container] = Field(min_length=1)
    initContainers: list[_Container] | None = None  # noqa: N815
    ephemeralContainers: list[_Container] | None = None  # noqa: N815
    volumes: list[_Volume] | None = None
    restartPolicy: str | None = None  # noqa: N815
    terminationGracePeriodSeconds: int | None = None  # noqa: N815
    hostNetwork: bool | None = None  # noqa: N815
    hostPID: bool | None = None  # noqa: N815
    shareProcessNamespace: bool | None = None  # noqa: N815
    securityContext: _Security | None = None  # noqa: N815
    os: _OperatingSystem | None = None


class _Metadata(_Part):
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class _Template(_Part):
    metadata: _Metadata | None = None
    spec: _Spec


_NEEDED: Final = {
    "invalid_key": "keys are texts",
    "missing": "is missing",
    "too_short": "is empty",
    "list_type": "a list is needed here",
    "string_type": "text is needed here",
    "int_type": "a number is needed here",
    "bool_type": "true or false is needed here",
}


def check(template: Manifest) -> None:
    """Raise RefusedError with every part that is of another kind than Kubernetes takes."""
    try:
        _Template.model_validate(template)
    except ValidationError as error:
        found = list(_remarks(error))
    else:
        return
    raise RefusedError(found)


def _remarks(error: ValidationError) -> Iterator[Remark]:
    for one in error.errors(include_url=False, include_input=True):
        # Of a union, pydantic says each member's mistake under the member's name: the first is enough.
        path = tuple(part for part in one["loc"] if part != "int")
        if path[-1] == "str":
            continue
        yield Remark(
            path, _NEEDED.get(one["type"], "a mapping is needed here"), _hint(one["type"], one["input"])
        )


def _hint(kind: str, value: Any) -> str:
    if kind == "string_type" and isinstance(value, bool | int | float):
        return "put it in quotation marks"
    return ""
