"""The hops of one request as a tree."""

from pillion.audit.hops import Hop, hops
from pillion.audit.line import Line, parse
from pillion.audit.words import tree, visible, walk
from tests.audit.written import REQUEST, line


def read(*written: bytes) -> list[Line]:
    """Read lines that are none of them damaged."""
    return [found for found in map(parse, written) if found]


def shape(found: tuple[Hop, ...]) -> list[object]:
    """Give who called whom, nested."""
    return [(f"{hop.caller}>{hop.callee}", shape(hop.hops)) for hop in found]


EDGE = line("edge", "edge", span=1, ms=9000, caller="192.0.2.7:5", rule="orders")
ORDERS = line("orders", span=2, above=1, ms=7000, sub="ada", caller="spiffe://shop/edge")


def test_each_hop_stands_below_the_one_that_led_to_it() -> None:
    """A call that arrived is one hop with what its caller's egress wrote."""
    found = hops(
        read(
            line("stock", span=6, above=5),
            line("orders", "egress", span=5, above=2, host="stock"),
            line("pay", span=4, above=3, caller="spiffe://shop/service/orders"),
            line("orders", "egress", span=3, above=2, host="pay"),
            ORDERS,
            EDGE,
        )
    )
    assert shape(found) == [
        ("192.0.2.7:5>edge", [("edge>orders", [("orders>pay", []), ("orders>stock", [])])])
    ]
    [pay, stock] = found[0].hops[0].hops
    assert (pay.line.service, stock.line.service) == ("pay", "stock")
    assert [pay.egress is not None, stock.egress is not None, pay.assumed] == [True, True, False]


def test_a_call_that_the_egress_refused_is_a_hop() -> None:
    refused = line("orders", "egress", span=3, above=2, host="payroll", status=403, why="peer-not-called")
    found = hops(read(EDGE, ORDERS, refused))
    assert shape(found) == [("192.0.2.7:5>edge", [("edge>orders", [("orders>payroll", [])])])]


def test_a_service_that_does_not_pass_traceparent_on_is_assumed_to_act_on_what_it_was_busy_with() -> None:
    """The latest request under way; the assumption is said."""
    found = hops(
        read(
            EDGE,
            ORDERS,
            line("orders", "egress", span=4, host="pay", second=5),
            line("pay", span=5, above=4, second=5),
        )
    )
    assert shape(found) == [("192.0.2.7:5>edge", [("edge>orders", [("orders>pay", [])])])]
    assert found[0].hops[0].hops[0].assumed


def test_what_nothing_led_to_stands_for_itself() -> None:
    """A call outside the time of any request of its service is tied to none."""
    late = line("orders", "egress", span=5, host="pay", second=50)
    assert shape(hops(read(EDGE, ORDERS, late))) == [
        ("192.0.2.7:5>edge", [("edge>orders", [])]),
        ("orders>pay", []),
    ]


def test_a_retried_call_is_two_hops() -> None:
    found = hops(
        read(
            EDGE,
            ORDERS,
            line("orders", "egress", span=3, above=2, host="pay"),
            line("pay", span=4, above=3, status=503),
            line("pay", span=5, above=3),
        )
    )
    assert shape(found[0].hops[0].hops) == [("orders>pay", []), ("orders>pay", [])]


def test_the_name_that_a_caller_has_proven_counts_more_than_a_span() -> None:
    """A service that passes another's span off as its own is called by its own name all the same."""
    found = hops(read(EDGE, line("orders", span=2, above=1, caller="spiffe://shop/service/mallory")))
    assert shape(found[0].hops) == [("mallory>orders", [])]


def test_no_line_leads_to_itself_nor_round_in_a_circle() -> None:
    """Whoever damages a log, or makes it up, gets an answer all the same: every line once."""
    circle = read(
        line("a", span=1, above=1),
        line("a", "egress", span=2, above=3, host="b"),
        line("b", "egress", span=3, above=2, host="a"),
        line("c", span=4, above=5),
        line("c", "egress", span=5, above=4, host="c"),
    )
    found = hops(circle)
    shown = {line.span_id for hop in walk(found) for line in (hop.line, hop.egress) if line}
    assert shown == {f"{span:016x}" for span in range(1, 6)}


def test_the_tree_says_who_what_and_why() -> None:
    refused = line(
        "pay", span=4, above=3, status=403, why="rule-refused", rule="rules[0]", path="/pay", method="POST"
    )
    written = tree(REQUEST, hops(read(EDGE, ORDERS, line("orders", "egress", span=3, above=2), refused)))
    assert list(written) == [
        f"request  {REQUEST}, at 2026-01-31T12:00:01.000Z",
        "trace    4bf92f3577b34da6a3ce929d0e0e4736",
        "user     ada",
        "",
        "192.0.2.7:5 → edge  200   9000 ms  GET /  sent to orders",
        "└─ edge → orders    200   7000 ms  GET /  let in by default",
        "   └─ orders → pay  403      1 ms  POST /pay  refused: rule-refused",
    ]


def test_nothing_that_a_caller_chose_speaks_to_the_terminal() -> None:
    assert visible("/a\x1b[2J\r\n\x9b\u202e\ud800b") == "/a\\x1b[2J\\r\\n\\x9b\\u202e\\ud800b"
    hostile = line("edge", "edge", span=1, path="/\x1b]0;x\x07", method="G\nT", caller="\u202eevil")
    for row in tree(REQUEST, hops(read(hostile))):
        assert row.isprintable()
