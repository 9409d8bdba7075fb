"""The shop's page: plain HTML, CSS and JavaScript modules, served as they are."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import serve

HEADERS = [
    (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-cache"),
]


def with_headers(app: ASGIApp) -> ASGIApp:
    """Add HEADERS to every answer."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        await app(scope, receive, send_with_headers)

    return answer


files = StaticFiles(directory=Path(__file__).parent / "frontend", html=True)
app = Starlette(routes=[Mount("/", with_headers(files))])

if __name__ == "__main__":
    serve(app)
