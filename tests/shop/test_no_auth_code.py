"""The point of the shop: its services know who is calling, and contain nothing that checks it."""

import ast
import sys
from pathlib import Path

import pytest

SHOP = Path(__file__).parents[2] / "examples" / "shop"
FILES = sorted(SHOP.glob("*.py"))

# Whatever a service may import beside its own files and the standard library.
FRAMEWORK = {"httpx", "starlette", "uvicorn"}
# Of Pillion: what passes a request's headers on, and decides nothing.
OF_PILLION = {"pillion.propagate"}
# Of the framework and the standard library: what would be authentication after all.
AUTHENTICATION = {
    "crypt",
    "hmac",
    "http.cookies",
    "starlette.authentication",
    "starlette.middleware.authentication",
    "starlette.middleware.sessions",
}
# Words that only code about tokens, cookies and passwords has a use for.
WORDS = ("jwt", "jwks", "cookie", "password", "session", "signature", "decode(")


def _imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules = {f"{node.module}.{name.name}" for name in node.names}
            found |= modules & OF_PILLION or {node.module or ""}
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_service_imports_no_authentication_library(file: Path) -> None:
    local = {other.stem for other in FILES}
    allowed = FRAMEWORK | local | set(sys.stdlib_module_names)
    imported = _imports(file) - OF_PILLION
    assert {name.split(".")[0] for name in imported} <= allowed
    assert not imported & AUTHENTICATION


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_service_has_no_word_of_authentication(file: Path) -> None:
    text = file.read_text(encoding="utf-8").lower()
    assert [word for word in WORDS if word in text] == []


def test_the_shop_has_the_four_services() -> None:
    assert {file.stem for file in FILES} >= {"web", "catalog", "orders", "inventory"}
