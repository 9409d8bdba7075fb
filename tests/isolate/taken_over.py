"""A service that somebody has taken over: it runs what it is sent, as a service can, and gives the output."""

import http.server
import os
import subprocess


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers GET with its name, and POST with what the shell says to the body."""

    def do_GET(self) -> None:
        """Say who this is."""
        self._answer(os.environ["PILLION_SERVICE"].encode())

    def do_POST(self) -> None:
        """Run the body."""
        script = self.rfile.read(int(self.headers["content-length"]))
        done = subprocess.run(
            ["/bin/bash"], input=script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        self._answer(done.stdout + f"exit {done.returncode}".encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
