"""A cluster whose addresses are those that a name has: every pod of a service is one, and gets its share."""

from datetime import timedelta
from typing import Final

from envoy_data_plane.envoy.config.cluster.v3 import ClusterCustomClusterType
from envoy_data_plane.envoy.extensions.clusters.common.dns.v3 import DnsLookupFamily
from envoy_data_plane.envoy.extensions.clusters.dns.v3 import DnsCluster, DnsClusterRefreshRate

from pillion.envoy.packed import pack
from pillion.envoy.shared import shared

# Not by the records' own time to live, which is 30 seconds where kubeadm has set up the cluster's DNS: a pod that
# ends is to be forgotten while it still serves (ten seconds). A second at most apart, so that the Envoys of a
# thousand pods do not ask all at once.
REFRESH: Final = timedelta(seconds=2)
_JITTER: Final = timedelta(seconds=1)
_RETRY: Final = DnsClusterRefreshRate(
    base_interval=timedelta(milliseconds=500), max_interval=timedelta(seconds=2)
)


@shared
def by_dns() -> ClusterCustomClusterType:
    """Look a name up again and again; while nobody answers, what it was last goes on to hold."""
    lookups = DnsCluster(
        dns_refresh_rate=REFRESH,
        dns_failure_refresh_rate=_RETRY,
        dns_jitter=_JITTER,
        # One question where there is an answer; IPv6 where there is nothing else.
        dns_lookup_family=DnsLookupFamily.V4_PREFERRED,
    )
    return ClusterCustomClusterType(name="envoy.clusters.dns", typed_config=pack(lookups))
