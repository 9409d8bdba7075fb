"""The rendered manifests, run as a kubelet would: real processes in real namespaces, and real Envoys.

`node.py` is one process in a network namespace of its own: what a cluster is to a pod. It has the parts
of a cluster that Pillion's manifests rely on, each in a file of its own, written by Kubernetes' documentation:

| file | in a cluster |
| --- | --- |
| `enter.py` | the container runtime: namespaces, mounts, user, and then the program |
| `images.py` | the registry: which program of this machine an image is |
| `environment.py`, `volumes.py` | the kubelet: variables, and folders that are swapped as a whole |
| `container.py`, `probes.py`, `pod.py` | the kubelet: starts, probes, restarts and ends containers |
| `network.py`, `policies.py`, `dns.py` | the CNI plugin, kube-proxy, CoreDNS |
| `controllers.py`, `cert_manager.py`, `api.py` | Deployments and Jobs, cert-manager, the API server |
| `sockets.py` | whoever stands in a pod, or on the node, and talks from there |
| `cluster.py` | what is applied, and what runs |

Tests talk to it by `client.py`. There is no scheduler, no etcd, no admission but webhooks (decision 43).
"""
