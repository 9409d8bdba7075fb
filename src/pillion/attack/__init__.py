"""Tries known attacks on a running mesh, from the outside: knows addresses, and nothing of how it is built."""
