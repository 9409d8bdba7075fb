"""A service that says what it was sent; `/…/call/NAME` is asked of the service NAME, on the caller's behalf."""

import json
import os
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError


class Echo(BaseHTTPRequestHandler):
    """Answers every GET with the headers that it had."""

    def do_GET(self) -> None:
        """Answer."""
        said: dict[str, object] = {"service": os.environ["PILLION_SERVICE"], "headers": dict(self.headers)}
        _, called, callee = self.path.partition("/call/")
        if called:
            passed = {name: self.headers[name] for name in ("authorization",) if self.headers[name]}
            try:
                with urllib.request.urlopen(
                    urllib.request.Request(f"http://{callee}/", headers=passed)
                ) as answer:
                    said["callee"] = json.load(answer)
            except HTTPError as error:
                said["callee"] = error.code
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Echo).serve_forever()
