"""Compressed data in the form that Go's standard library writes.

The content is that of the scanner; its bytes are equal for short texts, and otherwise as small as zlib makes them.
"""

import itertools
import struct
import zlib
from collections.abc import Sequence

from .values import MAX_CHARACTERS


def deflate(data: bytes) -> bytes:
    """Returns a DEFLATE stream (RFC 1951) that ends in an empty stored block, as Go's ``compress/flate`` writes it."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    stream = bytearray(compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))
    # zlib ends the flushed stream in an empty stored block too, but does not mark it as the last one. The mark is the
    # first of the three bits before the padding and the length of that block (4 bytes).
    for at, bit in itertools.product((-5, -6), range(7, -1, -1)):
        marked = bytearray(stream)
        if len(marked) + at >= 0:
            marked[at] |= 1 << bit
            if _is_whole(bytes(marked), data):
                return bytes(marked)
    raise ValueError("the stream has no end")


def _is_whole(stream: bytes, data: bytes) -> bool:
    decompressor = zlib.decompressobj(-15)
    try:
        return decompressor.decompress(stream) == data and decompressor.eof and not decompressor.unused_data
    except zlib.error:
        return False


def zlib_stream(data: bytes) -> bytes:
    """Returns a zlib stream (RFC 1950)."""
    return b"\x78\x9c" + deflate(data) + struct.pack(">I", zlib.adler32(data))


def gzip_file(data: bytes) -> bytes:
    """Returns a gzip file (RFC 1952) without name and time."""
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    return head + deflate(data) + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def inflate(data: bytes, window: int, limit: object = None) -> bytes:
    """Returns the content of compressed data.

    Args:
        data: the compressed data.
        window: its form, see ``wbits`` of ``zlib.decompressobj``.
        limit: maximum number of bytes, a float; longer content is cut.

    Raises:
        ValueError: the data are malformed, or the content is too long.
    """
    size = int(limit) if isinstance(limit, float) else MAX_CHARACTERS + 1
    try:
        content = zlib.decompressobj(window).decompress(data, max(size, 1))[:size]
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if limit is None and len(content) > MAX_CHARACTERS:
        raise ValueError("too long")
    return content


def zip_file(names_and_contents: Sequence[bytes]) -> bytes:
    """Returns a ZIP file as Go's ``archive/zip`` writes it: sizes after each entry, no time.

    Args:
        names_and_contents: alternating.

    Raises:
        ValueError: there is no entry, an entry lacks its content, or is a folder.
    """
    names, contents = names_and_contents[::2], names_and_contents[1::2]
    if not names or len(names) != len(contents) or any(name.endswith(b"/") for name in names):
        raise ValueError("not pairs of a file name and its content")
    out, directory = b"", b""
    for name, content in zip(names, contents, strict=True):
        packed = deflate(content)
        flags = 8 | (0 if name.isascii() else 0x800)  # sizes follow; the name is UTF-8
        sizes = struct.pack("<III", zlib.crc32(content), len(packed), len(content))
        kind = struct.pack("<HHHHH", 20, flags, 8, 0, 0)
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + kind + sizes
        directory += struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, len(out)) + name
        out += b"PK\x03\x04" + kind + bytes(12) + struct.pack("<HH", len(name), 0) + name + packed
        out += b"PK\x07\x08" + sizes
    end = struct.pack("<HHHHIIH", 0, 0, len(names), len(names), len(directory), len(out), 0)
    return out + directory + b"PK\x05\x06" + end
