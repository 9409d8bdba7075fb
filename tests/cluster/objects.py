"""What is applied: the objects, by kind, namespace and name (the API server's store)."""

import base64
from collections.abc import Iterator, Mapping
from typing import Any

Object = dict[str, Any]


class Objects:
    """All objects."""

    def __init__(self) -> None:
        self._all: dict[tuple[str, str, str], Object] = {}
        self._applied: dict[tuple[str, str, str], set[str]] = {}

    def apply(self, document: Object, namespace: str) -> str:
        """Take a document as `kubectl apply` does; says `created`, `configured` or `unchanged`.

        Of a ConfigMap's or Secret's keys, those go that an earlier apply brought and this one does not.
        """
        inside = document["metadata"].get("namespace", namespace)
        key = (document["kind"], inside, document["metadata"]["name"])
        new = {**document, "metadata": {**document["metadata"], "namespace": inside}}
        old = self._all.get(key)
        for part in ("data", "binaryData"):
            if document["kind"] in {"ConfigMap", "Secret"}:
                mine = self._applied.get(key, set())
                kept = {name: one for name, one in (old or {}).get(part, {}).items() if name not in mine}
                if kept or part in document:
                    new[part] = kept | (document.get(part) or {})
        self._applied[key] = {*(document.get("data") or ()), *(document.get("binaryData") or ())}
        self._all[key] = new
        return "created" if old is None else "unchanged" if old == new else "configured"

    def change(self, kind: str, namespace: str, name: str, data: Mapping[str, str | None]) -> None:
        """Merge into the data of one (RFC 7396); that is none of an apply's."""
        found = self._all[kind, namespace, name]
        merged = {**(found.get("data") or {}), **data}
        kept = {key: one for key, one in merged.items() if one is not None}
        self._all[kind, namespace, name] = {**found, "data": kept}

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Take one away."""
        self._all.pop((kind, namespace, name), None)

    def of(self, kind: str) -> Iterator[Object]:
        """Give all of a kind."""
        yield from [one for (this, _, _), one in self._all.items() if this == kind]

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """Give one."""
        return self._all.get((kind, namespace, name))

    def content(self, kind: str, namespace: str, name: str) -> dict[str, bytes] | None:
        """Give the files of a ConfigMap or Secret."""
        found = self.get(kind, namespace, name)
        if found is None:
            return None
        if kind == "ConfigMap":
            return {key: one.encode() for key, one in (found.get("data") or {}).items()}
        plain = {key: one.encode() for key, one in (found.get("stringData") or {}).items()}
        return {key: base64.b64decode(one) for key, one in (found.get("data") or {}).items()} | plain
