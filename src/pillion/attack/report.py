"""What is left of a run: JSON for programs, JUnit for continuous integration."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from pillion.attack.outcome import Result, Verdict


def count(results: Sequence[Result]) -> Counter[Verdict]:
    """Count what came of them."""
    return Counter(result.outcome.verdict for result in results)


def summary(results: Sequence[Result], seconds: float) -> str:
    """Say how it ended, in a line: skipped ones were not tried."""
    counted = count(results)
    tried = len(results) - counted[Verdict.SKIPPED]
    more = "".join(
        f", {counted[verdict]} {verdict}"
        for verdict in (Verdict.UNCLEAR, Verdict.KNOWN, Verdict.SKIPPED)
        if counted[verdict]
    )
    return f"{tried} attacks, {counted[Verdict.THROUGH]} got through{more} ({seconds:.1f} s)"


def as_json(results: Sequence[Result], seconds: float) -> dict[str, Any]:
    """Give the form that docs/interface.md promises."""
    counted = count(results)
    return {
        "seconds": round(seconds, 3),
        "tried": len(results) - counted[Verdict.SKIPPED],
        **{verdict.replace(" ", "_"): counted[verdict] for verdict in Verdict},
        "attacks": [
            {
                "family": result.family,
                "name": result.attack.name,
                "reference": result.attack.reference,
                "tried": result.attack.tried,
                "verdict": result.outcome.verdict,
                "answered": result.outcome.answered,
                "seconds": round(result.seconds, 3),
            }
            for result in results
        ],
    }


def as_junit(results: Sequence[Result], seconds: float) -> str:
    """Write a suite for each family: what got through is a failure, what is unclear an error."""
    root = Element("testsuites", {"name": "pillion attack", "time": f"{seconds:.3f}"} | _numbers(results))
    for family in dict.fromkeys(result.family for result in results):
        own = [result for result in results if result.family == family]
        time = sum(result.seconds for result in own)
        suite = SubElement(root, "testsuite", {"name": family, "time": f"{time:.3f}"} | _numbers(own))
        for result in own:
            _case(suite, result)
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _case(suite: Element, result: Result) -> None:
    case = SubElement(
        suite, "testcase", classname=result.family, name=result.attack.name, time=f"{result.seconds:.3f}"
    )
    kinds = {Verdict.THROUGH: "failure", Verdict.UNCLEAR: "error", Verdict.SKIPPED: "skipped"}
    said = f"{result.attack.tried} ({result.attack.reference}): {result.outcome.answered}"
    # XML has no room for control characters, and an answer may hold any.
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in said)
    if result.outcome.verdict in kinds:
        SubElement(case, kinds[result.outcome.verdict], message=printable)
    else:
        SubElement(case, "system-out").text = f"{result.outcome.verdict}: {printable}"


def _numbers(results: Sequence[Result]) -> dict[str, str]:
    counted = count(results)
    return {
        "tests": str(len(results)),
        "failures": str(counted[Verdict.THROUGH]),
        "errors": str(counted[Verdict.UNCLEAR]),
        "skipped": str(counted[Verdict.SKIPPED]),
    }
