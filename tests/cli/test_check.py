"""`pillion check`, as a user sees it."""

import json
from pathlib import Path

import pytest
from tests.cli.in_process import pillion

GOOD = """\
mesh: shop
services:
  catalog:
    app: 127.0.0.1:7003
    paths: [/api/catalog]
    rules:
      - {path: /api/catalog, methods: [GET, HEAD], allow: anyone}
      - {path: /api/catalog, roles: [manager]}
  orders:
    app: unix:/run/orders.sock
    paths: [/api/orders, /orders]
    calls: [inventory, catalog]
    rules:
      - {path: /api/orders/health, allow: anyone}
      - {path: /api/orders/payouts, methods: [POST], roles: [manager], mfa: true}
  inventory:
    app: 127.0.0.1:7002
"""
SUMMARY = """\
pillion.yaml is good: mesh shop, 3 services, http://localhost:8080

  catalog    127.0.0.1:7003         from the edge: /api/catalog
  orders     unix:/run/orders.sock  from the edge: /api/orders, /orders  calls inventory, catalog
  inventory  127.0.0.1:7002         not reachable from the edge

Open to anyone:
  catalog  /api/catalog and below, GET, HEAD
  orders   /api/orders/health and below, any method

Asking for a second factor:
  orders  /api/orders/payouts and below, POST
"""
CLOSED = """\
mesh: shop
services: {orders: {app: "127.0.0.1:7001", paths: [/]}}
"""
CLOSED_SUMMARY = """\
pillion.yaml is good: mesh shop, 1 service, http://localhost:8080

  orders  127.0.0.1:7001  from the edge: /

Nothing is open to callers who are not signed in.
"""
TRUSTING = (
    CLOSED
    + """\
trust:
  sso:
    issuer: https://sso.example/realms/shop
    jwks: https://sso.example/realms/shop/certs
    audience: shop-api
    claims: {email: email, roles: realm_access.roles}
  cloud: {issuer: "https://cloud.example/", jwks: "https://cloud.example/keys", audience: shop}
"""
)
TRUSTING_SUMMARY = (
    CLOSED_SUMMARY
    + """
Trusted besides this mesh's own tokens:
  sso    https://sso.example/realms/shop for shop-api  as sso:USER, email from email, roles from realm_access.roles
  cloud  https://cloud.example/ for shop               as cloud:USER
"""
)
PROVIDERS = (
    CLOSED
    + """\
identity:
  providers:
    google: {client_id: shop, client_secret: "${GOOGLE_SECRET}"}
    okta:
      issuer: https://example.okta.com
      client_id: shop
      client_secret: x
      title: Example Inc.
      roles: {claim: groups, map: {managers: manager}}
"""
)
PROVIDERS_SUMMARY = (
    CLOSED_SUMMARY
    + """
People sign in besides by these; register there where each sends them back to:
  Google        http://localhost:8080/sign-in/with/google/callback
  Example Inc.  http://localhost:8080/sign-in/with/okta/callback    roles from groups
"""
)
BAD = """\
mesh: shop
services:
  orders:
    app: 127.0.0.1:7001
    calls: [inventry]
  inventory:
    app: 127.0.0.1:7001
"""
BAD_LINES = """\
pillion.yaml:5:13: services.orders.calls[0]: no service is named 'inventry' (did you mean 'inventory'?)
pillion.yaml:7:10: services.inventory.app: '127.0.0.1:7001' is taken by services.orders.app, '127.0.0.1:7001'
"""
HELP = """\
Usage: pillion check [OPTIONS]

  Read the topology and say what is wrong with it, or with --explain, what
  becomes of a request.

  Every problem is one line with its place in the file. When there is none,
  prints in short which services there are, who calls whom, what is open to
  callers who are not signed in, what asks for a second factor, by which
  providers people sign in and where these are to send them back to, and which
  other issuers are trusted.

  With --explain it says which rule decides a request, and why, by the
  conditions that the Envoys are told. The request is a program's, and its
  token is good. Nothing needs to run; --as EMAIL looks into the accounts.

  Example:
      pillion check
      pillion check -f shop/pillion.yaml --json | jq '.problems[].message'
      pillion check --explain GET /api/orders/reports --as ada@example.org
      pillion check --explain GET /api/orders/reports --role manager --mfa
      pillion check --explain POST http://inventory/stock --caller orders

Options:
  -f, --file FILE        The topology file.  [default: pillion.yaml in this
                         folder or the nearest parent]
  --explain METHOD PATH  Say which rule decides this request.
  --as EMAIL             As this account, or as 'anyone', who has no token.
  --role R               As somebody with this role.
  --scope S              With a token that has this scope too.
  --mfa                  With a second factor shown.
  --claims FILE          What the token says, JSON.
  --caller SERVICE       The service that sends it; PATH is a URL.
  --json                 Print JSON alone on standard output.
  -h, --help             Show this message and exit.
"""


pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        (GOOD, SUMMARY),
        (CLOSED, CLOSED_SUMMARY),
        (TRUSTING, TRUSTING_SUMMARY),
        (PROVIDERS, PROVIDERS_SUMMARY),
    ],
)
def test_a_good_file_is_summed_up_with_what_is_open(
    text: str, summary: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GOOGLE_SECRET", "s3cret")
    Path("pillion.yaml").write_text(text, encoding="utf-8")
    assert pillion(monkeypatch, "check") == 0
    output = capsys.readouterr()
    assert output.out == summary
    assert output.err == ""


def test_problems_go_to_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("pillion.yaml").write_text(BAD, encoding="utf-8")
    assert pillion(monkeypatch, "check") == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == BAD_LINES


def test_the_nearest_file_above_is_named_as_seen_from_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("pillion.yaml").write_text(BAD, encoding="utf-8")
    Path("a/b").mkdir(parents=True)
    monkeypatch.chdir("a/b")
    assert pillion(monkeypatch, "check") == 2
    assert capsys.readouterr().err.splitlines()[0].startswith("../../pillion.yaml:5:13: ")


def test_a_named_file_is_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop").mkdir()
    Path("shop/other.yaml").write_text(CLOSED, encoding="utf-8")
    assert pillion(monkeypatch, "check", "-f", "shop/other.yaml") == 0
    assert capsys.readouterr().out.startswith("shop/other.yaml is good: ")


def test_no_file_at_all_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pillion(monkeypatch, "check") == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == (
        "pillion.yaml:1:1: no pillion.yaml in this folder or above it "
        "(make one with 'pillion init', or name the file with -f)\n"
    )


def test_a_folder_that_is_gone_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("gone").mkdir()
    monkeypatch.chdir("gone")
    Path("../gone").resolve().rmdir()
    assert pillion(monkeypatch, "check") == 1
    assert capsys.readouterr().err == "Error: the current folder is not there any more: change to another\n"


def test_json_of_a_good_file_says_ok(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("pillion.yaml").write_text(GOOD, encoding="utf-8")
    assert pillion(monkeypatch, "check", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "problems": []}


def test_json_gives_each_problem_its_place_and_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("pillion.yaml").write_text(BAD, encoding="utf-8")
    assert pillion(monkeypatch, "check", "--json") == 2
    output = capsys.readouterr()
    assert output.err == ""
    answer = json.loads(output.out)
    assert answer["ok"] is False
    assert answer["problems"][0] == {
        "file": "pillion.yaml",
        "line": 5,
        "column": 13,
        "code": "unknown-service",
        "key": "services.orders.calls[0]",
        "message": "no service is named 'inventry'",
        "hint": "did you mean 'inventory'?",
    }
    assert len(answer["problems"]) == 2


def test_json_without_a_file_is_still_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pillion(monkeypatch, "check", "--json") == 2
    assert [p["code"] for p in json.loads(capsys.readouterr().out)["problems"]] == ["file-not-found"]


def test_the_environment_of_the_command_fills_variables(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("pillion.yaml").write_text(
        "mesh: ${MESH}\nservices: {a: {app: '127.0.0.1:7001'}}\n", encoding="utf-8"
    )
    monkeypatch.setenv("MESH", "from-outside")
    assert pillion(monkeypatch, "check") == 0
    assert "mesh from-outside" in capsys.readouterr().out


def test_the_help_of_check(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert pillion(monkeypatch, "check", "--help") == 0
    assert capsys.readouterr().out == HELP


def test_a_mesh_for_others_without_mail_says_what_that_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    services = "services: {a: {app: '127.0.0.1:7001'}}\n"
    mail = "identity: {mail: {from: a@shop.example, smtp: 'smtps://h.example'}}\n"
    public = "edge: {listen: '0.0.0.0:8080', origin: 'https://shop.example'}\n"
    for extra, said in ((public, True), (public + mail, False), ("", False)):
        Path("pillion.yaml").write_text(f"mesh: shop\n{extra}{services}", "utf-8")
        assert pillion(monkeypatch, "check") == 0
        assert ("No mail is sent" in capsys.readouterr().out) is said
