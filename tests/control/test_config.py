"""What control reads in its file, on a laptop and in a pod."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from pillion.control.config import Config, ConfigError, ConfigMap, read
from pillion.kubernetes import told as rendered
from pillion.plan import in_pods
from pillion.topology import load

_TOPOLOGY = load(Path(__file__).parents[1] / "kubernetes" / "shop.yaml", {})
IN_A_POD: dict[str, Any] = json.loads(
    rendered.text(rendered.control(_TOPOLOGY, in_pods(_TOPOLOGY, "shop"), "shop", "pillion-known"))
)
ENVIRON = {"DATABASE_URL": "postgresql://pillion:private@db/pillion", "POD_NAME": "control-7"}


def told(tmp_path: Path, environ: dict[str, str], **others: Any) -> Config:
    """Read a file with these keys in the place of some."""
    file = tmp_path / "control.json"
    file.write_text(json.dumps(IN_A_POD | others), encoding="utf-8")
    return read(file, environ)


def test_what_is_rendered_is_understood(tmp_path: Path) -> None:
    config = told(tmp_path, ENVIRON)
    assert config.instance == "control-7"
    assert config.credentials is None
    assert config.known == ConfigMap(namespace="shop", config_map="pillion-known")
    assert isinstance(config.database, SecretStr)
    assert config.database.get_secret_value() == ENVIRON["DATABASE_URL"]
    assert "private" not in repr(config)
    assert config.mesh == "shop"
    assert config.envoys["edge"] == "edge"
    assert config.envoys["orders"] == "sidecar"


@pytest.mark.parametrize(
    ("environ", "others", "says"),
    [
        ({"POD_NAME": "c"}, {}, "the environment variable DATABASE_URL is not set, or empty"),
        (ENVIRON, {"instance": "c"}, "instance: is also POD_NAME in the environment: leave one of them out"),
        ({"DATABASE_URL": "x"}, {}, "instance: is not there, nor is POD_NAME in the environment"),
        (
            ENVIRON | {"DATABASE_URL": "postgres://u:private@db/d"},
            {},
            "database: Value error, must be an absolute path, or postgresql://USER:PASSWORD@HOST/NAME",
        ),
        (ENVIRON, {"known": {"namespace": "../x", "config_map": "y"}}, "known.config map.namespace: "),
        (ENVIRON, {"credentials": 5}, "credentials: "),
    ],
)
def test_what_is_wrong_is_one_sentence_without_a_secret(
    tmp_path: Path, environ: dict[str, str], others: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        told(tmp_path, environ, **others)
    assert str(raised.value).startswith(f"{tmp_path / 'control.json'}: {says}")
    assert "private" not in str(raised.value)
