"""What a good file becomes, and where the file is looked for."""

from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from pydantic import SecretStr, ValidationError

from pillion.problem import InvalidInputError
from pillion.topology import Address, Edge, Rule, Service, Tls, Topology, UnixSocket, find, load
from pillion.topology.address import parse_listen
from pillion.topology.mail import stays_here

GOOD: Final = Path(__file__).parent / "good"
ENVIRON: Final = {
    "SECRET": "p%40ss'x:%20y",
    "PORT": "7010",
    "MESH": "shop",
    "EMPTY": "",
    "TRICKY": "a: [b]\n- c",
}


def _read(tmp_path: Path, text: str) -> Topology:
    (tmp_path / "pillion.yaml").write_text(text, encoding="utf-8")
    return load(tmp_path / "pillion.yaml", ENVIRON)


@pytest.mark.parametrize("path", sorted(GOOD.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_good_file_is_read(path: Path) -> None:
    assert load(path, ENVIRON).services


def test_the_example_of_the_interface_is_read_as_it_says() -> None:
    topology = load(GOOD / "interface.yaml", {})
    assert topology.mesh == "shop"
    assert topology.tokens.lifetime == timedelta(minutes=5)
    assert topology.services["orders"] == Service(
        app=Address(host="127.0.0.1", port=7001),
        run="python orders.py",
        image="registry.example/shop/orders:1.4",
        health="/healthz",
        paths=("/api/orders",),
        calls=("inventory",),
        rules=(
            Rule(path="/api/orders/health", allow="anyone"),
            Rule(path="/api/orders/reports", methods=("GET",), roles=("manager",)),
            Rule(path="/api/orders/payouts", mfa=True),
            Rule(path="/api/orders/export", scopes=("orders:read",)),
            Rule(path="/api/orders/sales", claims={"department": ("sales", "support", 7, True)}),
        ),
    )


@pytest.mark.parametrize(
    ("written", "host", "port", "tls", "user", "password"),
    [
        ("smtp://mail.shop.example", "mail.shop.example", 587, "starttls", "", ""),
        ("smtps://mail.shop.example", "mail.shop.example", 465, "implicit", "", ""),
        ("smtp://localhost:1025", "localhost", 1025, "none", "", ""),
        ("smtp://[::1]:1025/", "::1", 1025, "none", "", ""),
        ("smtp://u:p@h.example:2525", "h.example", 2525, "starttls", "u", "p"),
        (
            "smtp://u@shop.example:p/a@s:s#?@h.example",
            "h.example",
            587,
            "starttls",
            "u@shop.example",
            "p/a@s:s#?",
        ),
        ("smtp://u%3A:100%25@h.example", "h.example", 587, "starttls", "u:", "100%"),
    ],
)
def test_a_mail_server_is_read(  # noqa: PLR0913, PLR0917 - a row of a table
    tmp_path: Path, written: str, host: str, port: int, tls: str, user: str, password: str
) -> None:
    mail = f"identity: {{mail: {{from: a@b.example, smtp: '{written}'}}}}"
    file = tmp_path / "pillion.yaml"
    file.write_text(f"mesh: shop\n{mail}\nservices: {{a: {{app: '127.0.0.1:7001'}}}}\n", "utf-8")
    found = load(file, {}).identity.mail
    assert found is not None
    server = found.smtp
    assert (server.host, server.port, server.tls, server.user) == (host, port, tls, user)
    assert server.password.get_secret_value() == password
    assert len(password) < 2 or password not in repr(server)


@pytest.mark.parametrize(
    ("listen", "origin", "stays"),
    [
        ("127.0.0.1:8080", "http://localhost:8080", True),
        ("[::1]:8080", "http://shop.localhost:8080", True),
        ("0.0.0.0:8080", "http://localhost:8080", False),
        ("127.0.0.1:8080", "https://shop.example", False),  # something in front lets others in
        ("127.0.0.1:8080", "https://localhost.shop.example", False),
    ],
)
def test_a_local_mailbox_is_for_this_machine_alone(listen: str, origin: str, stays: bool) -> None:  # noqa: FBT001
    assert stays_here(parse_listen(listen), origin) is stays


def test_all_but_the_mesh_and_the_services_can_be_left_out() -> None:
    topology = load(GOOD / "smallest.yaml", {})
    assert topology.edge == Edge(listen=Address(host="127.0.0.1", port=8080), origin="http://localhost:8080")
    assert topology.identity.sign_up == "open"
    assert topology.identity.database == "sqlite"
    assert topology.tokens.lifetime == timedelta(minutes=5)
    assert topology.services["a"] == Service(app=Address(host="127.0.0.1", port=7001))


def test_the_public_example_is_read_as_written() -> None:
    topology = load(GOOD / "public.yaml", ENVIRON)
    assert str(topology.edge.listen) == "[::]:443"
    assert topology.edge.tls == Tls(certificate="../cases/tls.crt", key="../cases/tls.key")
    assert topology.services["web"].app == UnixSocket(path="/run/web.sock")
    assert str(topology.services["api"].app) == "[::1]:7010"


def test_aliases_and_folded_text_are_read() -> None:
    services = load(GOOD / "anchors.yaml", {}).services
    assert services["a"].rules == services["b"].rules
    assert services["a"].rules[0].roles == ("manager", "team:eu.sales")
    assert services["b"].run == "python b.py --quiet"


def test_a_variable_stays_inside_its_value() -> None:
    topology = load(GOOD / "variables.yaml", ENVIRON)
    assert topology.edge.origin == "http://localhost:7010"
    assert topology.services["a"].run == f"echo ${{HOME}} $HOME '{ENVIRON['TRICKY']}' "


def test_a_database_url_is_not_shown_by_repr() -> None:
    topology = load(GOOD / "public.yaml", ENVIRON)
    assert isinstance(topology.identity.database, SecretStr)
    assert ENVIRON["SECRET"] in topology.identity.database.get_secret_value()
    assert ENVIRON["SECRET"] not in repr(topology) + str(topology) + topology.model_dump_json()


@pytest.mark.parametrize(
    ("edge", "origin"),
    [
        ("listen: 127.0.0.1:9000", "http://localhost:9000"),
        ("listen: localhost:80", "http://localhost"),
        ("listen: '[::1]:443'", "http://localhost:443"),
        ("listen: 127.0.0.1:443, tls: {certificate: c, key: k}", "https://localhost"),
        ("listen: 127.0.0.1:8443, tls: {certificate: c, key: k}", "https://localhost:8443"),
        ("listen: 0.0.0.0:8080, origin: 'https://shop.example'", "https://shop.example"),
        ("origin: http://shop.localhost:8080", "http://shop.localhost:8080"),
    ],
)
def test_the_origin_follows_from_where_the_edge_listens(edge: str, origin: str, tmp_path: Path) -> None:
    for name in ("c", "k"):
        (tmp_path / name).touch()
    text = f"mesh: shop\nedge: {{{edge}}}\nservices: {{a: {{app: '127.0.0.1:7001'}}}}\n"
    assert _read(tmp_path, text).edge.origin == origin


@pytest.mark.parametrize("lifetime", ["10s", "3600s", "60m", "1h"])
def test_a_lifetime_may_be_ten_seconds_to_an_hour(lifetime: str, tmp_path: Path) -> None:
    text = f"mesh: shop\ntokens: {{lifetime: {lifetime}}}\nservices: {{a: {{app: '127.0.0.1:7001'}}}}\n"
    assert timedelta(seconds=10) <= _read(tmp_path, text).tokens.lifetime <= timedelta(hours=1)


def test_tls_files_are_found_beside_the_topology_wherever_pillion_runs(tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()
    for name in ("c", "k"):
        (tmp_path / "tls" / name).touch()
    text = (
        "mesh: a\nedge: {tls: {certificate: tls/c, key: ./tls/k}}\nservices: {a: {app: '127.0.0.1:7001'}}\n"
    )
    assert _read(tmp_path, text).edge.tls == Tls(certificate="tls/c", key="./tls/k")


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    raw = (GOOD / "interface.yaml").read_bytes().replace(b"\n", b"\r\n")
    (tmp_path / "pillion.yaml").write_bytes(b"\xef\xbb\xbf" + raw)
    assert load(tmp_path / "pillion.yaml", {}) == load(GOOD / "interface.yaml", {})


def test_a_topology_cannot_be_changed() -> None:
    topology = load(GOOD / "interface.yaml", {})
    with pytest.raises(ValidationError):
        topology.mesh = "other"  # type: ignore[misc] # the point


def test_a_large_topology_is_read(tmp_path: Path) -> None:
    services = "".join(
        f"  s{i}: {{app: 127.0.0.1:{10000 + i}, paths: [/api/s{i}], calls: [s0]}}\n" for i in range(1, 300)
    )
    text = f"mesh: shop\nservices:\n  s0: {{app: 127.0.0.1:9999}}\n{services}"
    assert len(_read(tmp_path, text).services) == 300


def test_the_nearest_file_above_is_found(tmp_path: Path) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    (tmp_path / "pillion.yaml").touch()
    (tmp_path / "a" / "pillion.yaml").touch()
    assert find(tmp_path / "a" / "b" / "c") == tmp_path / "a" / "pillion.yaml"
    assert find(tmp_path) == tmp_path / "pillion.yaml"


def test_a_dead_link_is_not_passed_over_for_a_file_above(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "pillion.yaml").touch()
    (tmp_path / "a" / "pillion.yaml").symlink_to("nowhere")
    assert find(tmp_path / "a") == tmp_path / "a" / "pillion.yaml"


def test_a_dense_file_is_given_up_early(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="more than 20000 values"):
        _read(tmp_path, "mesh: [" + "a," * 500_000 + "]")


def test_no_file_above_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"no pillion\.yaml in this folder or above it") as caught:
        find(tmp_path)
    assert [problem.code for problem in caught.value.problems] == ["file-not-found"]
