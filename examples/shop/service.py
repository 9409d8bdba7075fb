"""What the shop's services share: a database each, problems as JSON, and how they are served."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

NAME = os.environ["PILLION_SERVICE"]
DATABASE = Path(__file__).parent / "data" / f"{NAME}.sqlite3"


@contextmanager
def transaction() -> Iterator[sqlite3.Connection]:
    """Open this service's own database; what the block does is done whole or not at all."""
    DATABASE.parent.mkdir(exist_ok=True)
    connection = sqlite3.connect(DATABASE, isolation_level=None, timeout=5)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")
    finally:
        connection.close()  # what was not committed is gone


def problem(status: int, detail: str) -> JSONResponse:
    """Say what is wrong (RFC 9457)."""
    body = {"type": "about:blank", "status": status, "detail": detail}
    return JSONResponse(body, status, media_type="application/problem+json")


async def json_object(request: Request) -> dict[str, object]:
    """Read the body; raises HTTPException 400 if it is no JSON object."""
    try:
        body = await request.json()
    except ValueError as error:
        raise HTTPException(400, f"The body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise HTTPException(400, "The body must be a JSON object.")
    return body


def serve(app: Starlette) -> None:
    """Listen where only this service's sidecar can reach it."""
    app.add_exception_handler(HTTPException, _as_problem)
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")


async def _as_problem(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, error.detail)
