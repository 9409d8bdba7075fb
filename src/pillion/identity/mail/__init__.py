"""Mail: queued by what happens in a request, written and handed in by a thread of the server."""
