"""A running mesh, and edits of its topology."""
