"""A form of a page, as a browser would send it when nothing is typed."""

from html.parser import HTMLParser

from tests.identity.browser import Answer


class Form(HTMLParser):
    """Gathers the fields of all forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self._area: str | None = None

    @classmethod
    def of(cls, page: Answer) -> "Form":
        """Read a page."""
        form = cls()
        form.feed(page.body.decode())
        return form

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take what an element sends."""
        given = dict(attrs)
        kind, name = given.get("type"), given.get("name")
        left_out = kind == "submit" or (kind in {"checkbox", "radio"} and "checked" not in given)
        if tag == "textarea" and name:
            self._area, self.fields = name, [*self.fields, (name, "")]
        elif tag == "input" and name and not left_out:
            self.fields.append((name, given.get("value", "on" if kind == "checkbox" else "") or ""))

    def handle_data(self, data: str) -> None:
        """Take what stands in a text area, but for the line end before it."""
        if self._area is not None:
            name, before = self.fields[-1]
            self.fields[-1] = (name, (before + data).removeprefix("\n").replace("\n", "\r\n"))

    def handle_endtag(self, tag: str) -> None:
        """End it."""
        if tag == "textarea":
            self._area = None
