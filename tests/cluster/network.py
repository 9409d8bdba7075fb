"""The node's network and every pod's (a CNI plugin's part): a pair of virtual interfaces and a route for each."""

import asyncio
from dataclasses import dataclass
from typing import Final

# The node, as pods see it. Addresses of services lie between.
GATEWAY: Final = "10.42.255.254"
DNS: Final = "169.254.20.10"
API: Final = "10.43.0.1"
# Where what is outside of the cluster is reached, such as its database.
OUTSIDE: Final = "10.44.0.1"
# Whoever asks from outside of the cluster has an address of these.
ANYBODY: Final = "10.45.0.0/16"


@dataclass(frozen=True)
class Sandbox:
    """A pod's network: the process that holds it, and its address."""

    holder: asyncio.subprocess.Process
    address: str
    interface: str

    async def close(self) -> None:
        """Let it go."""
        self.holder.kill()
        await self.holder.wait()


async def run(*words: str, given: str = "") -> str:
    """Run a command to its end; raises RuntimeError with what it said."""
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate(given.encode())
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)}: {said.decode()}\n{given}")
    return said.decode()


async def prepare() -> None:
    """Set up the node's own."""
    lines = ["link set lo up", *(f"addr add {one}/32 dev lo" for one in (GATEWAY, DNS, API, OUTSIDE))]
    # Rules lead connections to Services on, once they have left.
    lines += ["route add 10.43.0.0/16 dev lo", f"route add local {ANYBODY} dev lo"]
    await run("ip", "-batch", "-", given="\n".join(lines))
    await run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")


async def sandbox(number: int) -> Sandbox:
    """Make a pod's network."""
    address = f"10.42.{number // 250}.{number % 250 + 1}"
    interface = f"pod{number}"
    holder = await asyncio.create_subprocess_exec(
        "unshare",
        "-n",
        "--kill-child",
        "sh",
        "-c",
        "echo; exec sleep infinity",
        stdout=asyncio.subprocess.PIPE,
    )
    assert holder.stdout is not None
    await holder.stdout.readline()
    await run(
        "ip",
        "-batch",
        "-",
        given=f"link add {interface} type veth peer name eth0 netns {holder.pid}\n"
        f"addr add {GATEWAY}/32 dev {interface}\nlink set {interface} up\n"
        f"route add {address}/32 dev {interface}\n",
    )
    await run(
        "nsenter",
        f"--net=/proc/{holder.pid}/ns/net",
        "ip",
        "-batch",
        "-",
        given=f"link set lo up\nlink set eth0 up\naddr add {address}/32 dev eth0\n"
        f"route add {GATEWAY} dev eth0\nroute add default via {GATEWAY}\n",
    )
    return Sandbox(holder, address, interface)
