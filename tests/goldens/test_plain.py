"""What is written of a message is what protobuf's JSON is, by the library's own, slower account of it."""

from base64 import b64encode
from datetime import timedelta
from pathlib import Path

import pytest
from envoy_data_plane.envoy.config.accesslog.v3 import AccessLog
from envoy_data_plane.envoy.config.core.v3 import DataSource, SubstitutionFormatString
from envoy_data_plane.envoy.config.listener.v3 import Listener
from envoy_data_plane.google.protobuf import Any, Struct

from pillion.envoy import files
from pillion.envoy.packed import pack
from pillion.envoy.plain import plain
from pillion.envoy.shared import constant, copied
from pillion.plan import in_pods
from tests.goldens.compiled import HERE
from tests.kubernetes import rendered

# Few, since the library takes seconds for each; between them they have all filters.
CASES = [HERE / "cases" / case / "pillion.yaml" for case in ("other-issuers", "telemetry")]


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.parent.name)
def test_every_message_is_written_as_its_library_would(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every Envoy in a pod, each resource and bootstrap; which also looks at whether its fields are right."""
    compared: list[str] = []

    def both(message: Listener) -> dict[str, object]:
        written = plain(message)
        assert written == message.to_dict(casing=str)  # type: ignore[arg-type]
        compared.append(str(written.get("@type")))
        return written

    monkeypatch.setattr(files, "plain", both)
    plan = in_pods(rendered.topology(file), "mesh")
    files.render_pod(plan, "edge")
    files.render_pod(plan, plan.sidecars[0].service)
    assert {one.rpartition(".")[2] for one in compared} >= {"Cluster", "Listener", "RouteConfiguration"}


def test_what_is_packed_late_is_the_same_to_all_who_ask() -> None:
    """Its bytes as well, inside of another message: control streams them."""
    form = SubstitutionFormatString(json_format=Struct.from_dict({"a": [1, None, "b"]}))
    packed, late = Any.pack(form), pack(form)
    assert bytes(late) == bytes(packed)
    assert (late.type_url, late.value) == (packed.type_url, packed.value)
    assert plain(late) == plain(packed) == packed.to_dict(casing=str)
    inside, so_too = AccessLog(typed_config=late), AccessLog(typed_config=packed)
    assert bytes(inside) == bytes(so_too)


def test_values_that_json_has_no_kind_for() -> None:
    """Bytes, durations."""
    assert plain(DataSource(inline_bytes=b"\x00\xff")) == {"inline_bytes": b64encode(b"\x00\xff").decode()}
    listener = Listener(listener_filters_timeout=timedelta(seconds=1.5))
    assert plain(listener) == listener.to_dict(casing=str)  # type: ignore[arg-type]


def test_a_copy_of_what_is_shared_is_written_anew() -> None:
    """What is shared is worked out once; a copy says what it was changed to, and the original what it did."""
    source = constant(DataSource(filename="a"))
    assert plain(source) is plain(source)
    changed = copied(source)
    changed.filename = "b"
    assert (plain(changed), plain(source)) == ({"filename": "b"}, {"filename": "a"})
    assert plain(DataSource(filename="a")) is not plain(source)
