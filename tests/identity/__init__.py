"""Identity's tests: through its WSGI application in this process, and through the real server."""
