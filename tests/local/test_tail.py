"""The end of a file that grows."""

from pathlib import Path

from pillion.local.tail import Tail


def test_what_is_added_comes_in_whole_lines(tmp_path: Path) -> None:
    """A line that was half written at the beginning is one of them."""
    path = tmp_path / "log"
    path.write_bytes(b"past\nhal")
    tail = Tail(path)
    assert tail.begin == 5
    with path.open("ab") as file:
        file.write(b"f\nnext\nmo")
    assert list(tail.added()) == [b"half", b"next"]
    with path.open("ab") as file:
        file.write(b"re\n")
    assert list(tail.added()) == [b"more"]
    tail.close()


def test_a_file_that_is_set_aside_is_read_to_its_end(tmp_path: Path) -> None:
    """Its writer may go on for a moment before it opens the new one."""
    path = tmp_path / "log"
    path.write_bytes(b"")
    tail = Tail(path)
    with path.open("ab", buffering=0) as file:
        path.rename(tmp_path / "log.1")
        file.write(b"late\n")
        assert list(tail.added()) == [b"late"]
        file.write(b"later\n")
    path.write_bytes(b"new\n")
    assert list(tail.added()) == [b"later", b"new"]
    tail.close()
