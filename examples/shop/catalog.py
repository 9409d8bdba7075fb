"""What the shop sells. Anyone may look; the rules in pillion.yaml let only managers change it."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from service import json_object, serve, transaction

PRODUCTS = [
    ("tea", "Mountain tea", "Picked by hand at 1,400 metres. 100\N{NO-BREAK SPACE}g.", 640),
    ("mug", "Stoneware mug", "Fired twice, holds 350 ml.", 1800),
    ("pot", "Iron teapot", "Keeps a litre warm for an hour.", 5400),
    ("tray", "Oak tray", "Oiled, with two handles.", 3200),
    ("tin", "Airtight tin", "For 100 g of leaves.", 950),
    ("whisk", "Bamboo whisk", "Eighty tines, carved from one piece.", 2100),
]


def set_up() -> None:
    """Make the table, and fill it the first time."""
    with transaction() as database:
        database.execute(
            "CREATE TABLE IF NOT EXISTS product (sku TEXT PRIMARY KEY, name TEXT, text TEXT, cents INT)"
        )
        if database.execute("SELECT count(*) FROM product").fetchone()[0] == 0:
            database.executemany("INSERT INTO product VALUES (?, ?, ?, ?)", PRODUCTS)


def list_products(request: Request) -> JSONResponse:
    """Give all products; who is signed in is greeted."""
    with transaction() as database:
        products = [dict(row) for row in database.execute("SELECT * FROM product ORDER BY rowid")]
    return JSONResponse({"products": products, "for": request.headers.get("x-pillion-email")})


def show_product(request: Request) -> JSONResponse:
    """Give one product."""
    with transaction() as database:
        row = database.execute("SELECT * FROM product WHERE sku = ?", [request.path_params["sku"]]).fetchone()
    if row is None:
        raise HTTPException(404, f"There is no product '{request.path_params['sku']}'.")
    return JSONResponse(dict(row))


async def change_product(request: Request) -> JSONResponse:
    """Set a product's price."""
    cents = (await json_object(request)).get("cents")
    if not isinstance(cents, int) or isinstance(cents, bool) or not 0 < cents < 10**7:
        raise HTTPException(422, "'cents' must be a whole number from 1 to 9999999.")
    sku = request.path_params["sku"]
    with transaction() as database:
        changed = database.execute("UPDATE product SET cents = ? WHERE sku = ?", [cents, sku]).rowcount
    if not changed:
        raise HTTPException(404, f"There is no product '{sku}'.")
    return JSONResponse({"sku": sku, "cents": cents})


app = Starlette(
    routes=[
        Route("/api/catalog", list_products),
        Route("/api/catalog/{sku}", show_product),
        Route("/api/catalog/{sku}", change_product, methods=["PUT"]),
    ]
)

if __name__ == "__main__":
    set_up()
    serve(app)
