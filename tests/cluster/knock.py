"""Tries connections from where it runs: `python knock.py SECONDS ADDRESS:PORT…`; prints a line for each.

`open` is a connection, `refused` a machine that is reached where nobody listens, `shut` no answer at all.
"""

import asyncio
import sys


async def knock(address: str, seconds: float) -> str:
    """Try one."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(host, int(port))
    except ConnectionRefusedError:
        return "refused"
    except (TimeoutError, OSError):
        return "shut"
    writer.close()
    return "open"


async def main(seconds: float, addresses: list[str]) -> None:
    """Try all at once."""
    for found in await asyncio.gather(*(knock(one, seconds) for one in addresses)):
        sys.stdout.write(f"{found}\n")


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), sys.argv[2:]))
