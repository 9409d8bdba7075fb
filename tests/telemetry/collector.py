"""An OpenTelemetry collector for tests: takes OTLP by gRPC, and keeps what it is sent."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from grpclib.const import Cardinality, Handler
from grpclib.server import Server, Stream
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Span:
    """One span, by whom it is of; `attributes` are texts."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: Mapping[str, str]


@dataclass(frozen=True)
class Record:
    """One log record."""

    service: str
    trace_id: str
    span_id: str
    body: str
    attributes: Mapping[str, str]


@dataclass
class Collector:
    """What came in; `everything` is all of it as text."""

    spans: list[Span] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    everything: list[str] = field(default_factory=list)

    def __mapping__(self) -> dict[str, Handler]:
        """Say what it answers, as grpclib asks."""
        collector = "/opentelemetry.proto.collector"
        unary = Cardinality.UNARY_UNARY
        return {
            f"{collector}.trace.v1.TraceService/Export": Handler(
                self._take_spans, unary, ExportTraceServiceRequest, ExportTraceServiceResponse
            ),
            f"{collector}.logs.v1.LogsService/Export": Handler(
                self._take_records, unary, ExportLogsServiceRequest, ExportLogsServiceResponse
            ),
        }

    async def _take_spans(self, stream: Stream[Any, Any]) -> None:
        request: Any = await stream.recv_message()
        self.everything.append(str(request))
        for of in request.resource_spans:
            service = _texts(of.resource.attributes)["service.name"]
            self.spans += [
                Span(
                    service=service,
                    name=span.name,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    attributes=_texts(span.attributes),
                )
                for scope in of.scope_spans
                for span in scope.spans
            ]
        await stream.send_message(ExportTraceServiceResponse())

    async def _take_records(self, stream: Stream[Any, Any]) -> None:
        request: Any = await stream.recv_message()
        self.everything.append(str(request))
        for of in request.resource_logs:
            service = _texts(of.resource.attributes)["service.name"]
            self.records += [
                Record(
                    service=service,
                    trace_id=record.trace_id.hex(),
                    span_id=record.span_id.hex(),
                    body=record.body.string_value,
                    attributes=_texts(record.attributes),
                )
                for scope in of.scope_logs
                for record in scope.log_records
            ]
        await stream.send_message(ExportLogsServiceResponse())


@contextmanager
def listening(port: int) -> Iterator[Collector]:
    """Run a collector at a port of loopback."""
    collector = Collector()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    listens = threading.Event()

    async def serve() -> None:
        server = Server([collector])
        await server.start("127.0.0.1", port)
        listens.set()
        await stop.wait()
        server.close()
        await server.wait_closed()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert listens.wait(10)
    try:
        yield collector
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def _texts(attributes: Any) -> dict[str, str]:
    return {one.key: one.value.string_value for one in attributes}
