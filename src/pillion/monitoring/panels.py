"""What the dashboard shows: a row for each part of a mesh, of panels, of questions to Prometheus."""

from dataclasses import dataclass
from typing import Final

# Of which mesh: a namespace in a cluster; a job where there is no namespace, which `.*` takes as well.
_MESH: Final = 'namespace=~"$namespace", job=~"$job"'
_RATE: Final = "$__rate_interval"


@dataclass(frozen=True)
class Panel:
    """A graph, or a number (`stat`); each of `asks` is an expression with the words of its legend.

    `width` is in columns, of which there are 24; `unit` is Grafana's name of one.
    """

    title: str
    asks: tuple[tuple[str, str], ...]
    what: str = ""
    unit: str = "short"
    width: int = 8
    stat: bool = False


def _responses(prefix: str, by: str) -> str:
    of = f'{_MESH}, envoy_http_conn_manager_prefix="{prefix}"'
    return f"sum by ({by}) (rate(envoy_http_downstream_rq_xx{{{of}}}[{_RATE}]))"


def _errors(prefix: str, by: str) -> str:
    of = f'{_MESH}, envoy_http_conn_manager_prefix="{prefix}"'
    failed = f'{of}, envoy_response_code_class="5"'
    return (
        f"sum by ({by}) (rate(envoy_http_downstream_rq_xx{{{failed}}}[{_RATE}])) "
        f"/ sum by ({by}) (rate(envoy_http_downstream_rq_xx{{{of}}}[{_RATE}]))"
    )


def _quantile(share: float, metric: str, prefix: str, by: str = "") -> str:
    of = f'{_MESH}, envoy_http_conn_manager_prefix="{prefix}"'
    groups = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({groups}) (rate({metric}_bucket{{{of}}}[{_RATE}])))"


def _denied(prefix: str) -> str:
    of = f'{_MESH}, envoy_http_conn_manager_prefix="{prefix}"'
    return f"sum by (envoy_rbac_http_prefix) (rate(envoy_http_rbac_denied{{{of}}}[{_RATE}]))"


def _most(metric: str, labels: str = "") -> str:
    """Ask one of the identities, which all say the same."""
    more = f", {labels}" if labels else ""
    return f"max(pillion_{metric}{{{_MESH}{more}}})"


def _asked(outcome: str) -> str:
    of = f'{_MESH}, envoy_ext_authz_prefix="renewal"'
    return f"sum(rate(envoy_http_ext_authz_{outcome}{{{of}}}[{_RATE}]))"


_OURS: Final = f'{_MESH}, envoy_tls_certificate="svid"'
# The edge shows it to services alone, and so at its clusters.
_ENDS: Final = " or ".join(
    f"envoy_{where}_ssl_certificate_expiration_unix_time_seconds{{{_OURS}}}"
    for where in ("listener", "cluster")
)
_LEFT: Final = f"min by (workload) ({_ENDS}) - time()"
_TIME: Final = "envoy_http_downstream_rq_time"

ROWS: Final[tuple[tuple[str, tuple[Panel, ...]], ...]] = (
    (
        "Edge",
        (
            Panel(
                "Requests",
                ((_responses("edge", "envoy_response_code_class"), "{{envoy_response_code_class}}xx"),),
                "What the edge answered, by the class of the status.",
                "reqps",
            ),
            Panel(
                "How long they took",
                tuple(
                    (_quantile(share, _TIME, "edge"), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99)
                ),
                "From the first byte of the request to the last of the answer.",
                "ms",
            ),
            Panel("Errors", ((_errors("edge", "job"), "5xx"),), "", "percentunit"),
            Panel(
                "Refused, by what refused",
                ((_denied("edge"), "{{envoy_rbac_http_prefix}}"),),
                "token_shape, token_claims: a token that is not good, or revoked. access: nobody is signed in.",
                "reqps",
                12,
            ),
            Panel(
                "Asked identity for a token",
                tuple(
                    (_asked(outcome), words)
                    for outcome, words in (("ok", "answered"), ("error", "not answered"))
                ),
                "That a session yields no token is an answer. Not answered: identity or its database is away.",
                "reqps",
                12,
            ),
        ),
    ),
    (
        "Sidecars",
        (
            Panel("Requests", ((_responses("inbound", "workload"), "{{workload}}"),), "", "reqps"),
            Panel(
                "How long they took, p95",
                ((_quantile(0.95, _TIME, "inbound", "workload"), "{{workload}}"),),
                "At the callee's sidecar: the service and the checks before it.",
                "ms",
            ),
            Panel("Errors", ((_errors("inbound", "workload"), "{{workload}}"),), "", "percentunit"),
            Panel(
                "Refused, by what refused",
                ((_denied("inbound"), "{{envoy_rbac_http_prefix}}"),),
                "callers: a workload that may not call this one. rules, challenge: what pillion.yaml asks for.",
                "reqps",
                12,
            ),
            Panel(
                "Memory of Envoys, the largest of each workload",
                ((f"max by (workload) (envoy_server_memory_physical_size{{{_MESH}}})", "{{workload}}"),),
                "",
                "bytes",
                12,
            ),
        ),
    ),
    (
        "Identity",
        (
            Panel("Database answers", ((_most("database_up"), ""),), width=4, stat=True),
            Panel("Mails that wait", ((_most("mail_waiting"), ""),), width=4, stat=True),
            Panel(
                "Sign-ins and tokens",
                (
                    (f"sum(rate(pillion_sign_ins_total{{{_MESH}}}[{_RATE}]))", "sign-ins"),
                    (f"sum(rate(pillion_tokens_issued_total{{{_MESH}}}[{_RATE}]))", "tokens"),
                ),
                "",
                "ops",
            ),
            Panel(
                "Refused, by code",
                ((f"sum by (code) (rate(pillion_identity_refusals_total{{{_MESH}}}[{_RATE}]))", "{{code}}"),),
                "",
                "ops",
            ),
            Panel(
                "Renewals",
                ((f"sum by (outcome) (rate(pillion_renewals_total{{{_MESH}}}[{_RATE}]))", "{{outcome}}"),),
                "none: a session that is dead. unavailable: the database.",
                "ops",
            ),
            Panel(
                "CPU", ((f"sum(rate(process_cpu_seconds_total{{{_MESH}}}[{_RATE}]))", "cores"),), "", "short"
            ),
            Panel(
                "Memory", ((f"max(process_resident_memory_bytes{{{_MESH}}})", "the largest"),), "", "bytes"
            ),
        ),
    ),
    (
        "Control, keys, certificates",
        (
            Panel("Controls that live", ((_most("control_alive"), ""),), width=4, stat=True),
            Panel(
                "Age of the key that signs",
                ((f"time() - {_most('signing_key_since_seconds')}", ""),),
                unit="s",
                width=4,
                stat=True,
            ),
            Panel(
                "Envoys",
                (
                    (_most("control_envoys"), "connected"),
                    (_most("control_envoys_missing"), "workloads without one"),
                    (_most("control_envoys_without_revocations"), "lack a revocation"),
                    (_most("control_envoys_without_keys"), "lack a key"),
                    (_most("control_envoys_refusing"), "refuse"),
                ),
                "All but the first should be 0, but for the moment of a change.",
            ),
            Panel(
                "Revoked sessions in the list",
                ((_most("revocations"), "rows"),),
                "Those whose last token has not expired. Each Envoy holds all of them.",
            ),
            Panel(
                "Certificates: until the first ends",
                ((_LEFT, "{{workload}}"),),
                "A saw: renewed at half.",
                "s",
                12,
            ),
            Panel(
                "Streams to control, as Envoys see them",
                ((f"min by (workload) (envoy_control_plane_connected_state{{{_MESH}}})", "{{workload}}"),),
                "1 while it is up.",
                width=12,
            ),
        ),
    ),
)
