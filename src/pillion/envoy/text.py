"""Two of Envoy's files as one, without the messages in them: those take a second to import."""

from ruamel.yaml import YAML

from pillion import yaml_writer


def together(before: str, after: str) -> str:
    """Write the resources of two files as one; where both have one of a name, that of `after`."""
    reader = YAML(typ="safe", pure=True)
    old, new = reader.load(before), reader.load(after)
    named = {resource["name"] for resource in new["resources"]}
    kept = [resource for resource in old["resources"] if resource["name"] not in named]
    if not kept:
        return after
    version = f"{new['version_info']}-and-{old['version_info']}"
    return yaml_writer.document({"version_info": version, "resources": [*new["resources"], *kept]})
