"""What is made of an answer, and of none."""

import socket
import ssl
import threading

from pillion.attack import wire
from pillion.attack.families.sidecars import careless, self_signed
from pillion.attack.target import Door


def test_a_tls_connection_that_is_closed_while_we_send_is_closed() -> None:
    with (
        self_signed("spiffe://mesh/service/things") as certificate,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)

        def refuse() -> None:
            with tls.wrap_socket(server.accept()[0], server_side=True) as connection:
                connection.recv(1000)

        thread = threading.Thread(target=refuse)
        thread.start()
        door = Door("edge", "edge", "127.0.0.1", server.getsockname()[1], tls=careless())
        assert wire.request(door, "POST", "/", body=b"x" * 8_000_000).status is None
        thread.join()
