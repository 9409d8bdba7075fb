"""Makes one of what several processes say in Prometheus's text format: each sample says whose it is.

All samples of a metric have to stand together, below its one type
(https://prometheus.io/docs/instrumenting/exposition_formats/).
"""

import re
from collections.abc import Mapping
from typing import Final

_COMMENT: Final = re.compile(r"# (TYPE|HELP) ([a-zA-Z_:][a-zA-Z0-9_:]*) .*", re.ASCII)
_SAMPLE: Final = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+(?: -?[0-9]+)?)", re.ASCII)


def merged(texts: Mapping[str, str]) -> str:
    """Merge texts by their workload's name, which every sample gets as the label `workload`."""
    comments: dict[tuple[str, str], str] = {}
    samples: dict[str, list[str]] = {}
    for workload, text in texts.items():
        metric = ""
        for line in text.splitlines():
            if comment := _COMMENT.fullmatch(line):
                metric = comment[2]
                comments.setdefault((metric, comment[1]), line)
            elif sample := _SAMPLE.fullmatch(line):
                name, labels, value = sample.groups()
                own = f'workload="{workload}"'
                labelled = f"{own},{labels}" if labels else own
                samples.setdefault(metric or name, []).append(f"{name}{{{labelled}}} {value}")
    return "".join(
        f"{line}\n"
        for metric, found in samples.items()
        for line in (
            *(comments[metric, kind] for kind in ("HELP", "TYPE") if (metric, kind) in comments),
            *found,
        )
    )
