"""A rendered project of Compose, run without Docker: real processes, namespaces, networks and names.

`engine.py` does what Docker's documentation says of the few keys that the project has, and refuses any other, so
that nothing is overlooked. Containers become what they are by `tests/cluster/enter.py`. Images are programs of
this machine (`tests/cluster/images.py`); PostgreSQL's is its server, started as the image does it.
"""
