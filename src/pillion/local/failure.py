"""What keeps `pillion up` and its sisters from doing their work, in words for the user."""


class LocalError(Exception):
    """One clear sentence: what went wrong, where, and what to do about it. It never holds a secret."""
