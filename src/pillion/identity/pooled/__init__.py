"""A database engine of Django's: its PostgreSQL, with a pool of connections (`base`, by Django's rules)."""
