"""A database engine of Django's: its SQLite, with writers who wait in a queue (`base`, by Django's rules)."""
