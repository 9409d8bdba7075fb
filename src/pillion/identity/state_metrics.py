"""What the database says at this moment, for Prometheus: keys, revocations, mail, and what control has reported.

Each identity says the same, whichever is asked. Nothing here is kept: it is read when somebody asks.
"""

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Count, Max, Min
from django.utils import timezone
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import generate_latest

from pillion.identity import acknowledged
from pillion.identity.models import QueuedMail, Revocation, SigningKey

State = SigningKey.State


def text() -> bytes:
    """Give it in Prometheus's text format; without the database, that it is away and nothing else."""
    registry = CollectorRegistry()
    up = Gauge("pillion_database_up", "1 while identity's database answers", registry=registry)
    try:
        latest = _revocations(registry)
        _keys(registry)
        _mail(registry)
        _control(registry, latest)
    except DatabaseError:
        registry = CollectorRegistry()
        registry.register(up)
    else:
        up.set(1)
    return generate_latest(registry)


def _revocations(registry: CollectorRegistry) -> int:
    """Say how many there are; gives the number of the latest."""
    found = Revocation.objects.aggregate(rows=Count("id"), latest=Max("id"))
    latest = int(found["latest"] or 0)
    Gauge("pillion_revocations", "Revoked sessions whose tokens have not all expired", registry=registry).set(
        found["rows"]
    )
    Gauge("pillion_revocation_latest", "Number of the latest of them", registry=registry).set(latest)
    return latest


def _keys(registry: CollectorRegistry) -> None:
    states = Gauge("pillion_keys", "Keys that are not gone, by state", ["state"], registry=registry)
    counted = dict(SigningKey.objects.values_list("state").annotate(Count("kid")))
    for state in (State.ANNOUNCED, State.SIGNING, State.RETIRED):
        states.labels(state.value).set(counted.get(state.value, 0))
    signing = SigningKey.objects.filter(state=State.SIGNING).first()
    if signing is not None and signing.signing_since is not None:
        since = Gauge(
            "pillion_signing_key_since_seconds",
            "When the key that signs began to (seconds since the epoch)",
            registry=registry,
        )
        since.set(signing.signing_since.timestamp())
    rotation = Gauge("pillion_key_rotation_seconds", "How long a key is to sign", registry=registry)
    rotation.set(settings.PILLION.rotation)


def _mail(registry: CollectorRegistry) -> None:
    waiting = QueuedMail.objects.aggregate(rows=Count("id"), oldest=Min("created_at"))
    Gauge("pillion_mail_waiting", "Mails that have not been handed in", registry=registry).set(
        waiting["rows"]
    )
    oldest = (timezone.now() - waiting["oldest"]).total_seconds() if waiting["oldest"] else 0
    Gauge("pillion_mail_oldest_seconds", "For how long the oldest has waited", registry=registry).set(oldest)


def _control(registry: CollectorRegistry, latest: int) -> None:
    """Say what the controls have reported, all together: an Envoy counts once, whichever holds its stream."""
    keys = SigningKey.objects.filter(state__in=(State.ANNOUNCED, State.SIGNING, State.RETIRED))
    there = acknowledged.counts({kid for (kid,) in keys.values_list("kid")}, latest)

    def gauge(name: str, what: str, value: float) -> None:
        Gauge(f"pillion_control_{name}", what, registry=registry).set(value)

    gauge("alive", "Controls that have reported within five seconds", there.alive)
    gauge("silent", "Controls that are missed, and whose Envoys no other has", there.silent)
    gauge("envoys", "Envoys whose stream to a control is up", there.envoys)
    gauge("envoys_missing", "Workloads of which no Envoy is connected", there.missing)
    gauge("envoys_refusing", "Connected Envoys that did not take what they were sent", there.refusing)
    gauge(
        "envoys_without_keys", "Connected Envoys that lack a key that tokens may be signed with", there.keys
    )
    gauge("unkept", "Controls that cannot keep what Envoys start with", there.unkept)
    gauge("unkept_revocations", "Revocations that find no room in what Envoys start with", there.left_out)
    gauge("envoys_without_revocations", "Connected Envoys that lack the latest revocation", there.revocations)
