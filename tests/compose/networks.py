"""The project's networks: a bridge for each, and in each its own names (what Docker's engine does)."""

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from tests.cluster import dns
from tests.cluster.network import run

_NUMBERS = itertools.count(1)


@dataclass
class Bridge:
    """A network, and who is in it under which names."""

    number: int
    internal: bool
    names: dict[str, str] = field(default_factory=dict)
    members: list[str] = field(default_factory=list)

    @property
    def gateway(self) -> str:
        """The machine's own address in it."""
        return f"10.60.{self.number}.254"

    def join(self, names: list[str]) -> str:
        """Give the next address to somebody with these names."""
        address = f"10.60.{self.number}.{len(self.members) + 1}"
        self.members.append(address)
        self.names |= dict.fromkeys(names, address)
        return address


class Networks:
    """All of them."""

    def __init__(self, defined: Mapping[str, Any]) -> None:
        self.bridges = {
            name: Bridge(number, bool(one.get("internal")))
            for number, (name, one) in enumerate(defined.items(), 1)
        }
        self._of: dict[str, list[Bridge]] = {}

    async def start(self) -> None:
        """Set them up; nothing is forwarded between them, as this is a namespace in which nothing forwards."""
        lines = ["link set lo up"]
        for one in self.bridges.values():
            lines += [
                f"link add br{one.number} type bridge",
                f"addr add {one.gateway}/24 dev br{one.number}",
                f"link set br{one.number} up",
            ]
        await run("ip", "-batch", "-", given="\n".join(lines) + "\n")
        loop = asyncio.get_running_loop()
        for one in self.bridges.values():
            await loop.create_datagram_endpoint(lambda: _Names(self), local_addr=(one.gateway, 53))

    async def sandbox(
        self, container: str, attached: Mapping[str, Any], folder: Path
    ) -> "asyncio.subprocess.Process":
        """Make a container's network; writes its resolv.conf. Gives the process that holds it."""
        holder = await asyncio.create_subprocess_exec(
            *("unshare", "-n", "--kill-child", "sh", "-c", "echo; exec sleep infinity"),
            stdout=asyncio.subprocess.PIPE,
        )
        assert holder.stdout is not None
        await holder.stdout.readline()
        outer, inner = [], ["link set lo up"]
        joined = [self.bridges[name] for name in attached]
        for name, how in attached.items():
            bridge = self.bridges[name]
            address = bridge.join([container, *((how or {}).get("aliases") or ())])
            self._of[address] = joined
            here = f"v{next(_NUMBERS)}"
            outer += [
                f"link add {here} type veth peer name e{bridge.number} netns {holder.pid}",
                f"link set {here} master br{bridge.number} up",
            ]
            inner += [
                f"addr add {address}/24 dev e{bridge.number}",
                f"link set e{bridge.number} up",
                *([] if bridge.internal else [f"route replace default via {bridge.gateway}"]),
            ]
        await run("ip", "-batch", "-", given="\n".join([*outer, ""]))
        inside = ("nsenter", f"--net=/proc/{holder.pid}/ns/net", "ip", "-batch", "-")
        await run(*inside, given="\n".join([*inner, ""]))
        server = [f"nameserver {self.bridges[name].gateway}" for name in [*attached][:1]]
        (folder / "resolv.conf").write_text("\n".join([*server, "options ndots:0", ""]))
        return holder

    def look(self, asker: str, name: str) -> list[str] | None:
        """Give the addresses of a name, in the networks that the asker is in."""
        found = [bridge.names[name] for bridge in self._of.get(asker, ()) if name in bridge.names]
        return found or None

    def address(self, container: str, network: str) -> str:
        """Give a container's address in a network."""
        return self.bridges[network].names[container]


class _Names(asyncio.DatagramProtocol):
    """Answers whoever asks, by what is in the asker's networks."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self._transport.sendto(dns.answer(data, lambda name: self._networks.look(address[0], name)), address)
