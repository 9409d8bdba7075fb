"""The service that the tests of `pillion up` start: says what it got, and ends or prints when it is told to."""

# ruff: noqa: T201 - what it prints is what the tests look for

import http.server
import json
import os


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers GET with the environment and headers; /die ends the process, /print/TEXT prints."""

    def do_GET(self) -> None:
        """Answer."""
        if self.path.endswith("/die"):
            print("told to die", flush=True)
            os._exit(7)
        if "/print/" in self.path:
            print(self.path.rpartition("/")[2], flush=True)
        body = json.dumps({"environment": dict(os.environ), "headers": dict(self.headers)}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


print(f"{os.environ['PILLION_SERVICE']} listens", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
