"""Content codings undone piece by piece, so that a small body cannot unpack into a large memory.

httpx unpacks each chunk whole, however large it becomes; here no piece is larger than ``LARGEST_PIECE`` bytes, whatever
the ratio. Pure: bytes in, bytes out.

Sources: RFC 9110 section 8.4 (codings), RFC 1952 section 2.2 (gzip members), RFC 9659 (zstd windows of at most 8 MB).
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterator

import brotli
import zstandard

from pipeline.errors import FetchError

ACCEPTED_ENCODINGS = "gzip, deflate, br, zstd"

#: Bytes that a decoder may give at once; the bound on what unpacking adds to memory.
LARGEST_PIECE = 4 * 1024 * 1024

Chunks = Iterator[bytes]

_PIECE = 64 * 1024
_MOST_LAYERS = 3
_GZIP = b"\x1f\x8b"
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_BARE_DEFLATE = -zlib.MAX_WBITS
_ZSTD_WINDOW = 8 * 1024 * 1024
#: zstandard cannot bound its output, so its input is: a block takes 4 bytes at least and gives 128 KiB at most.
_ZSTD_SLICE = 64
#: Registered codings that cannot be read here. Any other unknown name is a mistake of the server ("utf-8", "none").
_UNREADABLE = frozenset({"aes128gcm", "compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip"})


def decoded(chunks: Chunks, content_encoding: str) -> Chunks:
    """``chunks`` with every coding that the header ``content_encoding`` names undone, last applied first.

    Raises:
        FetchError: for an unreadable coding, too many layers, data that does not fit the coding or is cut short;
            at once or while the pieces are taken.
    """
    names = [name.strip().lower() for name in content_encoding.split(",")]
    for name in names:
        if name in _UNREADABLE:
            raise FetchError(f"the body is packed as {name!r}, which was not asked for and cannot be read")
    layers = [_DECODERS[name] for name in names if name in _DECODERS]
    if len(layers) > _MOST_LAYERS:
        raise FetchError(f"the body is packed {len(layers)} times over; refused")
    for undo in reversed(layers):
        chunks = undo(chunks)
    return chunks


def without_gzip_file(chunks: Chunks) -> Chunks:
    """``chunks``, unpacked where they are a gzip file (feed.xml.gz), which no header tells.

    Raises:
        FetchError: as ``decoded`` does.
    """
    head = b""
    for piece in chunks:
        head += piece
        if len(head) >= len(_GZIP):
            break
    whole = itertools.chain([head], chunks)
    return _ungzipped(whole) if head.startswith(_GZIP) else whole


def _ungzipped(chunks: Chunks) -> Chunks:
    """gzip; or, from servers that only say so, zlib or a body that is not packed at all."""
    start, chunks = _peeked(chunks)
    return _inflated(chunks, _GZIP_OR_ZLIB) if start == _GZIP or _is_zlib(start) else chunks


def _undeflated(chunks: Chunks) -> Chunks:
    """deflate, which some servers send without its zlib wrapper, some as gzip."""
    start, chunks = _peeked(chunks)
    if not start:
        return chunks
    return _inflated(chunks, _GZIP_OR_ZLIB if start == _GZIP or _is_zlib(start) else _BARE_DEFLATE)


def _peeked(chunks: Chunks) -> tuple[bytes, Chunks]:
    """The first two bytes, and all chunks still from the first."""
    start = b""
    while len(start) < 2 and (chunk := next(chunks, None)) is not None:
        start += chunk
    return start[:2], itertools.chain([start], chunks)


def _is_zlib(start: bytes) -> bool:
    return len(start) == 2 and start[0] & 0x0F == 8 and int.from_bytes(start, "big") % 31 == 0


def _inflated(chunks: Chunks, wbits: int) -> Chunks:
    stream, data = zlib.decompressobj(wbits), b""
    for chunk in chunks:
        data += chunk
        while data:
            if stream.eof:
                if len(data) < 2:
                    break  # the next byte tells whether this begins another gzip member
                if not data.startswith(_GZIP):
                    data = b""  # padding
                    break
                stream = zlib.decompressobj(wbits)
            while True:
                try:
                    piece = stream.decompress(data, _PIECE)
                except zlib.error as error:
                    raise FetchError(f"the packed body is broken ({error})", "soft") from None
                data = stream.unused_data if stream.eof else stream.unconsumed_tail
                if piece:
                    yield piece
                if stream.eof or (not data and len(piece) < _PIECE):  # a full piece may have left some behind
                    break
    if not stream.eof:
        raise FetchError("the packed body is cut short", "temporary")


def _unbrotlied(chunks: Chunks) -> Chunks:
    decompressor = brotli.Decompressor()
    size = 0
    try:
        for chunk in chunks:
            size += len(chunk)
            piece = decompressor.process(chunk, output_buffer_limit=_PIECE)
            while piece or not decompressor.can_accept_more_data():
                yield piece
                piece = decompressor.process(b"", output_buffer_limit=_PIECE)
    except brotli.error as error:
        raise FetchError(f"the packed body is broken ({error})", "soft") from None
    if size and not decompressor.is_finished():
        raise FetchError("the packed body is cut short", "temporary")


def _unzstded(chunks: Chunks) -> Chunks:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    frame: zstandard.ZstdDecompressionObj | None = None
    for chunk in chunks:
        for start in range(0, len(chunk), _ZSTD_SLICE):
            data = chunk[start : start + _ZSTD_SLICE]
            while data:
                frame = frame or decompressor.decompressobj()
                try:
                    piece = frame.decompress(data)
                except zstandard.ZstdError as error:
                    raise FetchError(f"the packed body is broken ({error})", "soft") from None
                if piece:
                    yield piece
                data = frame.unused_data
                if frame.eof:
                    frame = None
    if frame is not None:
        raise FetchError("the packed body is cut short", "temporary")


_DECODERS: dict[str, Callable[[Chunks], Chunks]] = {
    "gzip": _ungzipped,
    "x-gzip": _ungzipped,
    "deflate": _undeflated,
    "br": _unbrotlied,
    "zstd": _unzstded,
}
