"""What the webhook is told of the mesh: its namespace, and of each service what injection needs to know."""

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from pillion.kubernetes.inject import ServiceFacts
from pillion.topology import Address

FILE: Final = "webhook.json"


class ConfigError(Exception):
    """What the webhook is told cannot be used; the message says where and why."""


class _Service(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    app: Address
    calls: tuple[str, ...]
    health: str | None


class Config(BaseModel):
    """The webhook's own file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    namespace: str
    services: Mapping[str, _Service]

    def facts(self, name: str) -> ServiceFacts:
        """Give what is known of a service; raises KeyError."""
        service = self.services[name]
        return ServiceFacts(name, service.app, service.calls, service.health)


def told(namespace: str, services: Mapping[str, ServiceFacts]) -> dict[str, Any]:
    """Write down what the webhook has to know."""
    listed = {
        name: {"app": facts.app.model_dump(), "calls": [*facts.calls], "health": facts.health}
        for name, facts in services.items()
    }
    return {"namespace": namespace, "services": listed}


def read(text: str | bytes) -> Config:
    """Read the file's content; raises ConfigError."""
    try:
        return Config.model_validate(json.loads(text))
    except (ValueError, RecursionError) as error:
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False, include_input=False)[0]
            raise ConfigError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        raise ConfigError("this is not JSON") from None
