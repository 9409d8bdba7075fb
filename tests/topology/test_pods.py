"""What is a mistake where the topology is rendered for pods, and none on a laptop."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, SecretStr

from pillion.problem import InvalidInputError
from pillion.topology import MailServer, Topology, load, load_for_pods
from pillion.topology.secrets import PATHS

TEXT = """\
mesh: shop
edge: {listen: 127.0.0.1:15021}
services:
  orders: {app: unix:/run/orders.sock}
  inventory:
    app: '127.0.0.1:${PORT:-15001}'
  web: {app: 127.0.0.1:7001}
"""


def test_each_has_its_place_and_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pillion.yaml").write_text(TEXT, encoding="utf-8")
    assert load(Path("pillion.yaml"), {}).services.keys() == {"orders", "inventory", "web"}
    with pytest.raises(InvalidInputError) as caught:
        load_for_pods(Path("pillion.yaml"), {})
    shared_by_none = (
        "is a Unix socket, which a service in a pod does not share with its sidecar"
        " (let it listen on 127.0.0.1)"
    )
    of_envoy = "has a port that Envoy takes in every pod: '15001', '15002', '15020' or '15021'"
    assert [str(problem) for problem in caught.value.problems] == [
        f"pillion.yaml:2:16: edge.listen: '127.0.0.1:15021' {of_envoy} (choose another)",
        f"pillion.yaml:4:17: services.orders.app: 'unix:/run/orders.sock' {shared_by_none}",
        f"pillion.yaml:6:10: services.inventory.app: '127.0.0.1:${{PORT:-15001}}' {of_envoy}",
    ]
    assert {problem.code for problem in caught.value.problems} == {"port-in-pods", "socket-in-pods"}


SECRETS = """\
mesh: shop
edge: {origin: "https://shop.example", tls: {certificate: none.crt, key: none.key}}
identity:
  database: %s
  mail: {from: "$${SHOP}@shop.example", smtp: "%s"}
  breached_passwords: not-here
  %s: %s
services: {web: {app: 127.0.0.1:7001}}
"""
SMTP = "smtp://$${user}${SMTP_USER:-a@b}:$${${SMTP_PASSWORD:-@:x}@${SMTP_HOST:-mail.example}:2525"


def _read(folder: Path, *values: str, **environ: str) -> Topology:
    file = folder / "pillion.yaml"
    file.write_text(SECRETS % values, encoding="utf-8")
    return load_for_pods(file, environ)


def test_secrets_stay_the_variables_that_they_are_and_need_no_value(tmp_path: Path) -> None:
    """Nor do the files of certificates, and of breached passwords: they are where the pods are."""
    providers = ("providers", "{google: {client_id: a, client_secret: '${GOOGLE:-of-a-laptop}'}}")
    read = _read(
        tmp_path, "${DATABASE_URL:-sqlite}", SMTP, *providers, GOOGLE="private", SMTP_HOST="smtp.example"
    )
    database, mail = read.identity.database, read.identity.mail
    assert isinstance(database, SecretStr)
    assert mail is not None
    assert database.get_secret_value() == "${DATABASE_URL}"
    assert read.identity.providers["google"].client_secret.get_secret_value() == "${GOOGLE}"
    assert (mail.smtp.user, mail.smtp.password.get_secret_value()) == (
        "$${user}${SMTP_USER}",
        "$${${SMTP_PASSWORD}",
    )
    assert (mail.smtp.host, mail.smtp.port) == ("smtp.example", 2525)
    assert mail.sender == "${SHOP}@shop.example"


def test_a_short_variable_is_no_weak_secret(tmp_path: Path) -> None:
    read = _read(
        tmp_path,
        "'postgresql://pillion:${DB_PASSWORD:-x}@db.example:${PORT:-5432}/pillion'",
        "smtp://smtp.example",
        *("users", "{url: 'https://users.example', secret: '${S}'}"),
    )
    assert read.identity.users is not None
    assert read.identity.users.secret is not None
    assert read.identity.users.secret.get_secret_value() == "${S}"
    assert isinstance(read.identity.database, SecretStr)
    assert (
        read.identity.database.get_secret_value()
        == "postgresql://pillion:${DB_PASSWORD}@db.example:${PORT}/pillion"
    )


GOOD = ("sqlite", "smtp://smtp.example", "users", "{url: 'https://users.example', secret: '${S}'}")


@pytest.mark.parametrize(
    ("which", "text"),
    [
        (0, "postgresql://pillion:hunter2@db.example/pillion"),
        (0, "postgresql://pillion@db.example/pillion?password=hunter2"),
        (0, "'postgresql://pillion:${P}@db.example/pillion?sslpassword=hunter2'"),
        (1, "smtp://shop:hunter2@smtp.example"),
        (1, "smtp://${U}:hunter2@smtp.example"),
        (1, "smtp://${U:-shop:${P}}:hunter2@smtp.example"),
        (1, "${SMTP_URL}"),
        (1, "smtp://${REST}"),
        (1, "${SMTP}smtp.example"),
        (3, "{url: 'https://users.example', secret: hunter2hunter2hunter2hunter2hunter2}"),
        (3, "{url: 'https://users.example', secret: '$${hunter2}hunter2hunter2hunter2hunter2'}"),
    ],
)
def test_a_secret_in_clear_is_refused_and_not_shown(which: int, text: str, tmp_path: Path) -> None:
    values = [text if number == which else good for number, good in enumerate(GOOD)]
    private = "smtp://shop:hunter2@smtp.example"
    with pytest.raises(InvalidInputError) as caught:
        _read(
            tmp_path,
            *values,
            SMTP_URL=private,
            REST=private.partition("//")[2],
            SMTP=private.partition("smtp.")[0],
        )
    (problem,) = caught.value.problems
    assert problem.code == "secret-in-pods"
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize(
    ("which", "text", "code"),
    [
        (0, "mysql://pillion:${P}@db.example/pillion", "bad-database"),
        (0, "'${A}${B}'", "bad-database"),
        (0, "'${A-B}'", "bad-variable"),
        (1, "ftp://shop:${P}@smtp.example", "bad-mail-server"),
        (1, "smtp://shop:${P}@${NOWHERE}", "missing-variable"),
    ],
)
def test_what_is_wrong_besides_is_said_as_on_a_laptop(
    which: int, text: str, code: str, tmp_path: Path
) -> None:
    values = [text if number == which else good for number, good in enumerate(GOOD)]
    with pytest.raises(InvalidInputError) as caught:
        _read(tmp_path, *values)
    assert [problem.code for problem in caught.value.problems] == [code]


def test_all_that_is_secret_is_known_as_such() -> None:
    """A field of a secret's type that the list lacks would be written into the manifests."""
    assert {*_secrets(Topology)} == {*PATHS}


def _secrets(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        here = (*path, field.alias or name)
        for kind in _kinds(field.annotation):
            if kind in {SecretStr, MailServer}:
                yield here
            elif isinstance(kind, type) and issubclass(kind, BaseModel):
                several = "dict" in str(field.annotation)
                yield from _secrets(kind, (*here, "*") if several else here)


def _kinds(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in get_args(annotation):
        yield from _kinds(inner)
