"""A gRPC service without generated code: messages are bytes. Starts by `run: python talk.py`."""

import asyncio
import json
import os
from collections.abc import Mapping
from typing import Any

from grpclib.const import Cardinality, Handler
from grpclib.encoding.base import CodecBase
from grpclib.server import Server, Stream


class Bytes(CodecBase):
    """Sends messages as they are, as if they were Protocol Buffers: grpclib takes refusals in that form alone."""

    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:  # noqa: ARG002 - grpclib's signature
        """Give the message."""
        encoded: bytes = message
        return encoded

    def decode(self, data: bytes, message_type: Any) -> Any:  # noqa: ARG002 - grpclib's signature
        """Give the message."""
        return data


class Talk:
    """Says who is calling, and echoes a stream message by message."""

    async def who(self, stream: "Stream[bytes, bytes]") -> None:
        """Answer one message with the headers that arrived, as JSON."""
        await stream.recv_message()
        known = {name: str(value) for name, value in (stream.metadata or {}).items()}
        await stream.send_message(json.dumps(known).encode())

    async def echo(self, stream: "Stream[bytes, bytes]") -> None:
        """Answer each message before the next one comes."""
        async for message in stream:
            await stream.send_message(b"echo " + message)

    def __mapping__(self) -> Mapping[str, Handler]:
        return {
            "/test.Talk/Who": Handler(self.who, Cardinality.UNARY_UNARY, bytes, bytes),
            "/test.Talk/Echo": Handler(self.echo, Cardinality.STREAM_STREAM, bytes, bytes),
        }


async def _serve() -> None:
    server = Server([Talk()], codec=Bytes())
    await server.start("127.0.0.1", int(os.environ["PORT"]))
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(_serve())
