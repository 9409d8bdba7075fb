"""The OAuth 2 and OpenID Connect provider, on Authlib: other programs sign people in through us, or themselves.

Every grant ends in a token of the mesh (`tokens_of_grants`), with a session of ours behind it.
"""
