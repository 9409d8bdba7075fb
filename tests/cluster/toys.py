"""Small manifests that each show one thing of the harness."""

from typing import Any

from ruamel.yaml import YAML

NAMESPACES = """
kind: Namespace
metadata: {name: shop}
---
kind: Namespace
metadata: {name: other}
"""

HELLO = """
kind: ConfigMap
metadata: {name: settings}
data: {greeting: hello}
---
kind: Deployment
metadata: {name: hello}
spec:
  replicas: 2
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  template:
    metadata: {labels: {app: hello}}
    spec:
      terminationGracePeriodSeconds: 5
      initContainers:
      - name: first
        image: python:3
        command: [sh, -c, "echo made by $(NAME) > /shared/first"]
        env: [{name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
        volumeMounts: [{name: shared, mountPath: /shared}]
      - name: beside
        image: python:3
        restartPolicy: Always
        command: [sh, -c, "trap 'echo ended > /shared/beside; exit 0' TERM; while :; do sleep 0.1; done"]
        volumeMounts: [{name: shared, mountPath: /shared}]
      containers:
      - name: hello
        image: python:3
        workingDir: /app
        command: [python, hello.py]
        args: ["$(PORT)"]
        env: [{name: PORT, value: "8000"}]
        readinessProbe: {httpGet: {path: /greeting, port: 8000}, periodSeconds: 1}
        securityContext: {runAsUser: 10101, runAsGroup: 10101}
        volumeMounts:
        - {name: settings, mountPath: /settings, readOnly: true}
        - {name: shared, mountPath: /shared}
      volumes:
      - {name: settings, configMap: {name: settings}}
      - {name: shared, emptyDir: {}}
---
kind: Service
metadata: {name: hello}
spec: {clusterIP: None, selector: {app: hello}, ports: [{port: 8000}]}
---
kind: Service
metadata: {name: edge}
spec: {selector: {app: hello}, ports: [{port: 80, targetPort: 8000}]}
"""

CALLER = """
kind: Pod
metadata: {name: caller, labels: {app: caller}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: caller, image: "python:3", command: [sleep, infinity]}]
"""

DENY = """
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {matchLabels: {app: hello}}, policyTypes: [Ingress]}
"""

ALLOW = """
kind: NetworkPolicy
metadata: {name: allow}
spec:
  podSelector: {matchLabels: {app: hello}}
  ingress: [{from: [{podSelector: {matchLabels: {app: caller}}}], ports: [{port: 8000}]}]
"""

JOB = """
kind: Job
metadata: {name: once}
spec:
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 2
      initContainers:
      - name: beside
        image: python:3
        restartPolicy: Always
        command: [sh, -c, "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
      containers: [{name: once, image: "python:3", command: ["true"]}]
"""


def documents(text: str) -> list[dict[str, Any]]:
    """Read documents."""
    return [*YAML(typ="safe", pure=True).load_all(text)]
