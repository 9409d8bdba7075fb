"""Metrics of several processes as one text."""

from pillion.local.metrics.merge import merged

EDGE = """# TYPE envoy_requests counter
envoy_requests{code="200",path="a}b"} 3
envoy_requests{} 1

# TYPE envoy_live gauge
envoy_live 1
"""
ORDERS = """# HELP envoy_live Says \\n so
# TYPE envoy_live gauge
envoy_live 0
# TYPE envoy_ms histogram
envoy_ms_bucket{le="+Inf"} 7 1700000000
envoy_ms_count 7
what is this?
"""


def test_samples_of_a_metric_stand_together_and_say_whose_they_are() -> None:
    assert merged({"edge": EDGE, "orders": ORDERS}).splitlines() == [
        "# TYPE envoy_requests counter",
        'envoy_requests{workload="edge",code="200",path="a}b"} 3',
        'envoy_requests{workload="edge"} 1',
        "# HELP envoy_live Says \\n so",
        "# TYPE envoy_live gauge",
        'envoy_live{workload="edge"} 1',
        'envoy_live{workload="orders"} 0',
        "# TYPE envoy_ms histogram",
        'envoy_ms_bucket{workload="orders",le="+Inf"} 7 1700000000',
        'envoy_ms_count{workload="orders"} 7',
    ]
