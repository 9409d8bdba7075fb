"""Opens many sessions with a token each, and revokes them one by one, as identity does when people sign out.

`python -m tests.control.many_sessions CONFIG EMAIL COUNT` prints the tokens as a line of JSON, waits for a line on
its standard input, revokes, and prints the number of the last revocation.
"""

# ruff: noqa: T201 - what it prints is what the test reads

import json
import sys
from datetime import timedelta
from pathlib import Path

from pillion import identity
from pillion.identity.config import read

if __name__ == "__main__":
    identity.setup(read(Path(sys.argv[1])))
    from django.utils import timezone

    from pillion.identity import issue, sessions
    from pillion.identity.models import Revocation, Session, User

    user = User.objects.get(email=sys.argv[2])
    opened = [
        sessions.open_for(user, client_id="test", lifetime=timedelta(hours=1), amr=(), now=timezone.now())
        for _ in range(int(sys.argv[3]))
    ]
    print(json.dumps([issue.token(user, session, lifetime=3600) for session in opened]), flush=True)
    sys.stdin.readline()
    for session in opened:
        sessions.revoke(Session.objects.filter(sid=session.sid), timezone.now())
    print(Revocation.objects.order_by("-id").values_list("id", flat=True)[0], flush=True)
