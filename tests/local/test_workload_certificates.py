"""Workloads' certificates, from the moment that they are issued until they are taken away; without Envoys."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from pillion.local import workload_certificates
from pillion.local.folder import StateFolder, make
from pillion.local.workload_certificates import WorkloadCertificates

EDGE, ORDERS = ("edge", "spiffe://shop/edge"), ("orders", "spiffe://shop/service/orders")


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        """Say what time it is."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StateFolder:
    made = StateFolder(tmp_path)
    make(made)
    monkeypatch.chdir(tmp_path)  # as `up` does: no admin socket is there, so nobody has to be waited for
    return made


def kept(folder: StateFolder, clock: Callable[[], datetime]) -> WorkloadCertificates:
    made = WorkloadCertificates(folder, "shop", pytest.fail, clock=clock)
    made.issue_to(dict([EDGE, ORDERS]))
    return made


def secret(folder: StateFolder, name: str, file: str) -> dict[str, dict[str, dict[str, str]]]:
    text = (folder.certificates / name / f"{file}.json").read_text(encoding="utf-8")
    [found] = json.loads(text)["resources"]
    return dict(found)


def certificate(folder: StateFolder, name: str = "orders") -> x509.Certificate:
    pem = secret(folder, name, "svid")["tls_certificate"]["certificate_chain"]["inline_string"]
    return x509.load_pem_x509_certificate(pem.encode())


def trusted(folder: StateFolder, name: str = "orders") -> list[x509.Certificate]:
    pem = secret(folder, name, "trust")["validation_context"]["trusted_ca"]["inline_string"]
    return x509.load_pem_x509_certificates(pem.encode())


def renew(certificates: WorkloadCertificates) -> None:
    asyncio.run(certificates.renew())


def test_every_workload_has_its_own_name_and_nobody_else_can_read_it(
    folder: StateFolder, clock: Clock
) -> None:
    kept(folder, clock)
    for name, spiffe_id in (EDGE, ORDERS):
        shown = certificate(folder, name)
        [san] = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert san == x509.UniformResourceIdentifier(spiffe_id)
        [issuer] = trusted(folder, name)
        shown.verify_directly_issued_by(issuer)
        assert (folder.certificates / name).stat().st_mode & 0o777 == 0o700
        for path in (folder.certificates / name).iterdir():
            assert path.stat().st_mode & 0o777 == 0o600


def test_a_certificate_is_replaced_at_half_its_life_and_not_before(folder: StateFolder, clock: Clock) -> None:
    certificates = kept(folder, clock)
    first = certificate(folder)
    clock.now += timedelta(minutes=29)
    renew(certificates)
    assert certificate(folder) == first
    clock.now += timedelta(minutes=1)
    renew(certificates)
    second = certificate(folder)
    assert second != first
    assert second.not_valid_after_utc - clock.now > timedelta(minutes=59)


@pytest.mark.parametrize("asleep", [timedelta(hours=3), timedelta(days=7), timedelta(days=-1)])
def test_what_has_expired_while_the_machine_slept_is_replaced_at_once(
    folder: StateFolder, clock: Clock, asleep: timedelta
) -> None:
    """So is what would not be valid for a day, because the clock was set back."""
    certificates = kept(folder, clock)
    clock.now += asleep
    renew(certificates)
    if asleep < timedelta(0):  # the authority is not valid yet either: the next one comes first
        renew(certificates)
    for name in ("edge", "orders"):
        shown = certificate(folder, name)
        assert shown.not_valid_before_utc <= clock.now < shown.not_valid_after_utc


def test_what_was_taken_away_comes_back(folder: StateFolder, clock: Clock) -> None:
    certificates = kept(folder, clock)
    for path in (folder.certificates / "orders").iterdir():
        path.unlink()
    renew(certificates)
    certificate(folder).verify_directly_issued_by(*trusted(folder))


def test_a_next_authority_is_trusted_before_it_issues_and_the_old_one_forgotten_after(
    folder: StateFolder, clock: Clock
) -> None:
    certificates = kept(folder, clock)
    [old] = trusted(folder)
    clock.now += timedelta(days=61)
    renew(certificates)
    assert len(trusted(folder)) == 2
    certificate(folder).verify_directly_issued_by(old)
    on_disk = folder.authority.read_text(encoding="utf-8")
    renew(certificates)
    assert len(trusted(folder)) == 2
    [new] = [one for one in trusted(folder) if one != old]
    certificate(folder).verify_directly_issued_by(new)
    assert folder.authority.read_text(encoding="utf-8") != on_disk
    clock.now += timedelta(minutes=61)
    renew(certificates)
    assert trusted(folder) == trusted(folder, "edge") == [new]
    certificate(folder).verify_directly_issued_by(new)


def test_a_new_workload_gets_a_certificate_and_a_removed_one_loses_it(
    folder: StateFolder, clock: Clock
) -> None:
    certificates = kept(folder, clock)
    first = certificate(folder)
    (folder.certificates / "of-another-day").mkdir()
    certificates.issue_to(dict([ORDERS, ("stock", "spiffe://shop/service/stock")]))
    assert certificate(folder) == first
    assert trusted(folder, "stock") == trusted(folder)
    certificates.keep_only({"edge", "stock"})
    assert {path.name for path in folder.certificates.iterdir()} == {"edge", "stock"}
    clock.now += timedelta(hours=2)
    renew(certificates)
    assert {path.name for path in folder.certificates.iterdir()} == {"edge", "stock"}


def test_whatever_goes_wrong_is_said_once_and_tried_again(
    folder: StateFolder, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could call anybody an hour after this had ended."""
    said: list[str] = []
    certificates = WorkloadCertificates(folder, "shop", said.append, clock=clock)
    tries: list[Exception] = [OSError(28, "No space left on device", "svid.json"), *[ValueError("odd")] * 2]
    done = asyncio.Event()

    async def renew() -> None:
        if tries:
            raise tries.pop(0)
        done.set()

    async def until_done() -> None:
        keeping = asyncio.create_task(certificates.keep())
        await asyncio.wait_for(done.wait(), timeout=10)
        keeping.cancel()

    monkeypatch.setattr(workload_certificates, "POLL_SECONDS", 0)
    monkeypatch.setattr(certificates, "renew", renew)
    asyncio.run(until_done())
    assert said == [
        "certificates cannot be renewed: svid.json: no space left on device",
        "certificates cannot be renewed: ValueError: odd",
    ]
