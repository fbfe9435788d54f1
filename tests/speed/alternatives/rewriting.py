"""A changed request by h11, the HTTP/1.1 library under httpx and uvicorn."""

import h11

from harness.perturbations.message import Message


def through_h11(message: Message) -> bytes:
    """The request with another Host, by h11."""
    server, client = h11.Connection(h11.SERVER), h11.Connection(h11.CLIENT)
    server.receive_data(message.payload)
    head = server.next_event()
    assert isinstance(head, h11.Request)
    fields = [(n, b"other.example" if n.lower() == b"host" else v) for n, v in head.headers.raw_items()]
    out = client.send(h11.Request(method=head.method, target=head.target, headers=fields)) or b""
    while isinstance(event := server.next_event(), h11.Data):
        out += client.send(event) or b""
    return out + (client.send(h11.EndOfMessage()) or b"")
