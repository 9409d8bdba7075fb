"""What is in stock. Only `orders` calls it, on behalf of a user, whom it writes down."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service import json_object, serve, transaction

STOCK = [("tea", 200), ("mug", 40), ("pot", 12), ("tray", 25), ("tin", 60), ("whisk", 0)]


def set_up() -> None:
    """Make the tables, and fill the shelves the first time."""
    with transaction() as database:
        database.execute(
            "CREATE TABLE IF NOT EXISTS stock (sku TEXT PRIMARY KEY, quantity INT CHECK (quantity >= 0))"
        )
        database.execute(
            "CREATE TABLE IF NOT EXISTS reservation"
            " (order_id TEXT, sku TEXT, quantity INT, user TEXT, PRIMARY KEY (order_id, sku))"
        )
        if database.execute("SELECT count(*) FROM stock").fetchone()[0] == 0:
            database.executemany("INSERT INTO stock VALUES (?, ?)", STOCK)


def show_stock(_request: Request) -> JSONResponse:
    """Give the quantity of every product."""
    with transaction() as database:
        return JSONResponse(dict(database.execute("SELECT sku, quantity FROM stock").fetchall()))


async def reserve(request: Request) -> Response:
    """Take the items of an order off the shelf, all or none; asking again for the same order changes nothing."""
    body = await json_object(request)
    order, user = str(body["order"]), request.headers["x-pillion-user"]
    items: list[dict[str, object]] = body["items"]  # type: ignore[assignment]  # orders has checked it
    with transaction() as database:
        if database.execute("SELECT 1 FROM reservation WHERE order_id = ?", [order]).fetchone():
            return Response(status_code=204)
        for item in items:
            taken = database.execute(
                "UPDATE stock SET quantity = quantity - :quantity WHERE sku = :sku AND quantity >= :quantity",
                item,
            )
            if not taken.rowcount:
                raise HTTPException(409, f"Not enough of '{item['sku']}' in stock.")
            database.execute(
                "INSERT INTO reservation VALUES (?, ?, ?, ?)", [order, item["sku"], item["quantity"], user]
            )
    return Response(status_code=204)


async def release(request: Request) -> Response:
    """Put the items of an order back."""
    order = str((await json_object(request))["order"])
    with transaction() as database:
        for row in database.execute(
            "SELECT sku, quantity FROM reservation WHERE order_id = ?", [order]
        ).fetchall():
            database.execute(
                "UPDATE stock SET quantity = quantity + ? WHERE sku = ?", [row["quantity"], row["sku"]]
            )
        database.execute("DELETE FROM reservation WHERE order_id = ?", [order])
    return Response(status_code=204)


app = Starlette(
    routes=[
        Route("/stock", show_stock),
        Route("/reserve", reserve, methods=["POST"]),
        Route("/release", release, methods=["POST"]),
    ]
)

if __name__ == "__main__":
    set_up()
    serve(app)
