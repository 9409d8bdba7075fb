"""A users service of twenty lines, for identity.users: docs/users-service.md. It needs nothing but Python."""

import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = os.environ["USERS_SECRET"].encode()
PEOPLE = {  # yours lie in a database, with hashes
    "ada@example.org": {"password": "correct horse battery staple", "sub": "4711", "roles": ["manager"]},
}


class Check(BaseHTTPRequestHandler):
    """Answers whether a password is right, to who has the secret."""

    def do_POST(self) -> None:
        """200 and the person, 401 for a wrong password, 403 for somebody who is not identity."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signed = dict(
            part.partition("=")[::2] for part in self.headers.get("Pillion-Signature", "").split(",")
        )
        right = hmac.digest(SECRET, signed.get("t", "").encode() + b"." + body, hashlib.sha256).hex()
        if not hmac.compare_digest(right, signed.get("v1", "")) or abs(time.time() - int(signed["t"])) > 300:
            return self.answer(403, {})
        asked = json.loads(body)
        person = PEOPLE.get(asked["email"], {"password": ""})
        if not hmac.compare_digest(person["password"].encode(), asked["password"].encode()):
            return self.answer(401, {})
        return self.answer(
            200,
            {"sub": person["sub"], "email": asked["email"], "email_verified": True, "roles": person["roles"]},
        )

    def answer(self, status: int, document: object) -> None:
        """Send JSON."""
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "7000"))), Check).serve_forever()
