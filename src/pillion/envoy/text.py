"""The YAML of Envoy's files, without the messages in it: those take a second to import."""

import io
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import SafeRepresenter


def as_yaml(document: Mapping[str, Any]) -> str:
    """Write one document."""
    out = io.StringIO()
    _writer().dump(document, out)
    return out.getvalue()


def together(before: str, after: str) -> str:
    """Write the resources of two files as one; where both have one of a name, that of `after`."""
    reader = YAML(typ="safe", pure=True)
    old, new = reader.load(before), reader.load(after)
    named = {resource["name"] for resource in new["resources"]}
    kept = [resource for resource in old["resources"] if resource["name"] not in named]
    if not kept:
        return after
    version = f"{new['version_info']}-and-{old['version_info']}"
    return as_yaml({"version_info": version, "resources": [*new["resources"], *kept]})


def _writer() -> YAML:
    """Write in block style, without references, and text of several lines as a block."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # ruamel gives it no type
    yaml.width = 120
    yaml.representer.ignore_aliases = lambda _: True
    yaml.representer.add_representer(str, _text)
    return yaml


def _text(representer: SafeRepresenter, value: str) -> ScalarNode:
    return representer.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)
