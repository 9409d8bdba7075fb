"""Identity providers by which people sign in: what they are asked, and how far they are believed.

The protocol alone, and nothing of accounts here; whose account it is stands in `provider_links` and in `flows`.
"""
