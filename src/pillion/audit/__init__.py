"""Reading the audit logs of the Envoys: what is on record, and the hops of one request as a tree.

Nothing here knows how Envoys are configured or run: it reads lines as docs/interface.md describes them.
"""
