"""One line per event, so that whoever reads the log can tell where the next begins."""

import logging
import time


class OneLine(logging.Formatter):
    """Time (UTC), level, message; a traceback follows on the same line, its line ends written as `\\n`."""  # noqa: D301 - meant

    default_msec_format = "%s.%03dZ"
    default_time_format = "%Y-%m-%dT%H:%M:%S"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """Give the record as one line."""
        return super().format(record).replace("\r", "\\r").replace("\n", "\\n")
