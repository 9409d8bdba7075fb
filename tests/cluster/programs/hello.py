"""Serves its folder of settings, and ends when it is told to: `python hello.py PORT`."""

import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SETTINGS = Path("/settings")


class Hello(BaseHTTPRequestHandler):
    """Answers with a file of the settings."""

    def do_GET(self) -> None:
        """Answer."""
        file = SETTINGS / self.path.lstrip("/")
        text = file.read_bytes() if file.is_file() else b""
        self.send_response(200 if file.is_file() else 404)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the first process of a container ends by nothing else
ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Hello).serve_forever()
