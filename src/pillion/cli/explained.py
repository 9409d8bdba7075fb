"""The answer of `pillion check --explain`, in words and as JSON."""

from collections.abc import Iterator
from typing import Any, Final

from pillion.cli.explain import ANYONE, Question
from pillion.plan import explain

# Of a request by a program; a person who goes to a page is led on.
_FOR_A_PERSON: Final = {
    "token-missing": "a person in a browser is sent to sign in (303)",
    "step-up-required": "a person in a browser is sent to show one (303)",
}


def described(asked: Question) -> str:
    """Say in a line what is asked."""
    who = asked.who or ("somebody" if asked.roles or asked.scopes or asked.mfa else ANYONE)
    if asked.claims is not None:
        who = f"whose token says {asked.claims.name}"
    elif asked.calling is not None and who == ANYONE:
        who = "itself"
    sent = f"{asked.method} {asked.target}"
    return f"{sent} from {asked.calling}, as {who}" if asked.calling else f"{sent}, as {who}"


def lines(asked: Question, found: explain.Explanation) -> Iterator[str]:
    """Write an explanation for a reader."""
    yield described(asked)
    if found.path is not None and found.path != _sent(asked):
        yield f"to the rules it is {found.path}"
    if found.tried:
        yield f"goes to {found.service}, whose rules are tried in order:"
        width = max(len(_matched(one)) for one in found.tried)
        for one in found.tried:
            verdict = one.passed_over or "decides"
            yield f"  {one.rule.name:<10}  {_matched(one):<{width}}  {verdict}"
        for need in found.asked:
            yield f"      {'has  ' if need.met else 'lacks'}  {need.need.asked}"
    yield ""
    yield _verdict(found)
    if found.code in _FOR_A_PERSON and asked.calling is None:
        yield _FOR_A_PERSON[found.code]


def _sent(asked: Question) -> str:
    """Give the path as it was written."""
    path = asked.target.partition("?")[0]
    return "/" + path.removeprefix("http://").partition("/")[2] if asked.calling else path


def _matched(one: explain.Tried) -> str:
    methods = ", ".join(one.rule.methods) or "any method"
    return f"{methods} {one.rule.path} and below"


def _verdict(found: explain.Explanation) -> str:
    by = f"{found.by}, after {found.rule}" if found.rule else found.by
    return f"{f'{found.status} {found.code}' if found.code else 'let in'} by {by}: {found.why}"


def document(asked: Question, found: explain.Explanation) -> dict[str, Any]:
    """Write an explanation as JSON has it."""
    return {
        "method": asked.method,
        "target": asked.target,
        "path": found.path,
        "allowed": found.code is None,
        "status": found.status,
        "code": found.code,
        "by": found.by,
        "service": found.service,
        "rule": found.rule,
        "why": found.why,
        "tried": [
            {
                "rule": one.rule.name,
                "path": one.rule.path,
                "methods": list(one.rule.methods),
                "passed_over": one.passed_over or None,
            }
            for one in found.tried
        ],
        "asked": [{"kind": one.need.kind, "asked": one.need.asked, "met": one.met} for one in found.asked],
    }
