"""How the admin writes what differs from language to language."""
