"""Who ordered what. Knows the caller from one header, and calls `inventory` on the caller's behalf."""

import uuid

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from pillion import propagate

from service import json_object, serve, transaction

MOST_ITEMS = 20

# Goes through the sidecar, by HTTP_PROXY, on behalf of whoever is being served.
inventory = propagate.httpx(httpx.AsyncClient(base_url="http://inventory", timeout=5))


def set_up() -> None:
    """Make the table."""
    with transaction() as database:
        database.execute(
            "CREATE TABLE IF NOT EXISTS item"
            " (order_id TEXT, user TEXT, email TEXT, sku TEXT, quantity INT, at TEXT DEFAULT CURRENT_TIMESTAMP)"
        )


async def place_order(request: Request) -> JSONResponse:
    """Reserve the items, then write the order down; if that fails, put the items back."""
    items = _items(await json_object(request))
    order = str(uuid.uuid4())
    await _ask_inventory("/reserve", {"order": order, "items": items})
    try:
        _write(order, request, items)
    except BaseException:
        await _ask_inventory("/release", {"order": order})
        raise
    return JSONResponse({"id": order, "items": items}, 201)


async def _ask_inventory(path: str, body: dict[str, object]) -> None:
    try:
        answer = await inventory.post(path, json=body)
    except httpx.TransportError as error:
        raise HTTPException(503, "The inventory cannot be reached; nothing was ordered.") from error
    if answer.status_code == 409:
        raise HTTPException(409, answer.json()["detail"])
    if answer.is_error:
        raise HTTPException(503, "The inventory cannot answer just now; nothing was ordered.")


def _write(order: str, request: Request, items: list[dict[str, object]]) -> None:
    user, email = request.headers["x-pillion-user"], request.headers.get("x-pillion-email")
    with transaction() as database:
        database.executemany(
            "INSERT INTO item (order_id, user, email, sku, quantity) VALUES (?, ?, ?, ?, ?)",
            [(order, user, email, item["sku"], item["quantity"]) for item in items],
        )


def list_orders(request: Request) -> JSONResponse:
    """Give the caller's own orders."""
    with transaction() as database:
        rows = database.execute(
            "SELECT order_id AS id, sku, quantity, at FROM item WHERE user = ? ORDER BY rowid DESC",
            [request.headers["x-pillion-user"]],
        ).fetchall()
    return JSONResponse({"orders": [dict(row) for row in rows]})


def show_order(request: Request) -> JSONResponse:
    """Give one order, if it is the caller's."""
    with transaction() as database:
        rows = database.execute(
            "SELECT sku, quantity, at FROM item WHERE order_id = ? AND user = ?",
            [request.path_params["order"], request.headers["x-pillion-user"]],
        ).fetchall()
    if not rows:
        raise HTTPException(404, "You have no such order.")
    return JSONResponse({"id": request.path_params["order"], "items": [dict(row) for row in rows]})


def report(_request: Request) -> JSONResponse:
    """Give what was sold. That only managers get here is a rule in pillion.yaml, and no code."""
    with transaction() as database:
        rows = database.execute(
            "SELECT sku, sum(quantity) AS sold, count(DISTINCT user) AS buyers"
            " FROM item GROUP BY sku ORDER BY sold DESC"
        ).fetchall()
    return JSONResponse({"report": [dict(row) for row in rows]})


def health(_request: Request) -> JSONResponse:
    """Say that the service is there."""
    return JSONResponse({"ok": True})


def _items(body: dict[str, object]) -> list[dict[str, object]]:
    items = body.get("items")
    if not isinstance(items, list) or not 0 < len(items) <= MOST_ITEMS:
        raise HTTPException(422, f"'items' must be a list of 1 to {MOST_ITEMS} items.")
    for item in items:
        if (
            not isinstance(item, dict)
            or item.keys() != {"sku", "quantity"}
            or not isinstance(item["sku"], str)
        ):
            raise HTTPException(422, "Every item must be {'sku': text, 'quantity': number}.")
        if (
            not isinstance(item["quantity"], int)
            or not 0 < item["quantity"] <= 100
            or item["quantity"] is True
        ):
            raise HTTPException(422, "'quantity' must be a whole number from 1 to 100.")
    if len({item["sku"] for item in items}) < len(items):
        raise HTTPException(422, "Every product may stand in the order once.")
    return items


app = Starlette(
    routes=[
        Route("/api/orders/health", health),
        Route("/api/orders/reports", report),
        Route("/api/orders", place_order, methods=["POST"]),
        Route("/api/orders", list_orders),
        Route("/api/orders/{order}", show_order),
    ],
    middleware=[Middleware(propagate.asgi)],
)

if __name__ == "__main__":
    set_up()
    serve(app)
