"""Content codings: undone in bounded pieces, whatever the server packed, cut or broke."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib
from collections.abc import Callable, Iterator

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.decode import LARGEST_PIECE, decoded
from pipeline.errors import FetchError

BODY = b"<rss>" + random.Random(7).randbytes(3000).hex().encode() * 40 + b"</rss>"
MEGABYTE = 1024 * 1024


def bare_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def zstd(body: bytes) -> bytes:
    packer = zstandard.ZstdCompressor().compressobj()  # a stream, as servers send it: its size is not written in front
    return packer.compress(body) + packer.flush()


def brotli_packed(body: bytes) -> bytes:
    return bytes(brotli.compress(body, quality=5))


PACKERS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", bare_deflate),
    ("deflate", gzip.compress),
    ("gzip", zlib.compress),
    ("br", brotli_packed),
    ("zstd", zstd),
]
packers = pytest.mark.parametrize(("name", "pack"), PACKERS)


def in_chunks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def unpacked(data: bytes, name: str, size: int = 65536) -> bytes:
    return b"".join(decoded(in_chunks(data, size), name))


@packers
@pytest.mark.parametrize("size", [1, 2, 3, 1000, 10**9])
def test_body_is_unpacked_however_it_is_cut_into_chunks(name: str, pack: Callable[[bytes], bytes], size: int) -> None:
    """A packed body comes out whole, whatever the sizes in which it arrived."""
    body = BODY[:20000] if size < 1000 else BODY
    assert unpacked(pack(body), name, size) == body


@packers
@pytest.mark.parametrize("length", [65535, 65536, 65537, 65536 * 3, 66_000, 1_000_000])
def test_body_that_shrank_to_little_is_unpacked_to_the_last_byte(
    name: str, pack: Callable[[bytes], bytes], length: int
) -> None:
    """Output that a decoder still holds when its input has ended is not forgotten."""
    assert unpacked(pack(b"x" * length), name) == b"x" * length


@packers
def test_body_cut_short_is_an_error(name: str, pack: Callable[[bytes], bytes]) -> None:
    """A packed body that ends too early is never taken for a whole one."""
    packed = pack(BODY)
    for end in (3, len(packed) // 2, len(packed) - 1):
        with pytest.raises(FetchError, match=r"cut short|broken"):
            unpacked(packed[:end], name)


@packers
@settings(max_examples=40, deadline=None)
@given(noise=st.binary(max_size=300), at=st.integers(0, 2000))
def test_broken_data_gives_bytes_or_a_fetch_error(
    name: str, pack: Callable[[bytes], bytes], noise: bytes, at: int
) -> None:
    """Damaged data raises ``FetchError`` or gives bytes; nothing else escapes and nothing hangs."""
    packed = bytearray(pack(BODY[:5000]))
    packed[at : at + len(noise)] = noise
    try:
        unpacked(bytes(packed), name, 100)
    except FetchError as error:
        assert "body" in str(error)  # noqa: PT017 - no error is fine too


@pytest.mark.parametrize("size", [1, 2, 7, 10**9])
def test_all_members_of_a_gzip_body_are_read(size: int) -> None:
    """A gzip body of several members is read to the last, also when a chunk ends with a member."""
    first, second = gzip.compress(b"one "), gzip.compress(b"two ")
    assert unpacked(first + second + gzip.compress(b"three"), "gzip", size) == b"one two three"
    assert b"".join(decoded(iter([first, second]), "gzip")) == b"one two "


@pytest.mark.parametrize("size", [1, 10**9])
def test_padding_after_a_gzip_body_is_ignored(size: int) -> None:
    """Zeros after the last gzip member are no error."""
    assert unpacked(gzip.compress(b"feed") + bytes(512), "gzip", size) == b"feed"


def test_several_zstd_frames_are_read() -> None:
    """A zstd body of several frames, some to be skipped, is read to the last (RFC 8878 section 3.1)."""
    skipped = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"
    assert unpacked(skipped + zstd(b"one ") + skipped + zstd(b"two"), "zstd") == b"one two"


def test_zstd_window_is_bounded() -> None:
    """A zstd frame that wants a window above 8 MB is refused before it takes the memory."""
    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    packed = packer.compress(b"feed") + packer.flush()
    with pytest.raises(FetchError, match="broken"):
        unpacked(packed, "zstd")


def test_layers_are_undone_last_first() -> None:
    """Several codings are undone in the reverse order of the header, ignoring case, spaces and identity."""
    packed = zstd(brotli_packed(gzip.compress(b"feed")))
    assert unpacked(packed, " GZIP,br , identity,Zstd") == b"feed"


def test_more_than_three_layers_are_refused() -> None:
    """A body packed more than three times is refused without unpacking it."""
    with pytest.raises(FetchError, match="4 times"):
        decoded(iter([b"x"]), "gzip, gzip, gzip, gzip")


@pytest.mark.parametrize("name", ["", "identity", "none", "utf-8", "binary"])
def test_no_coding_passes_the_body_on(name: str) -> None:
    """No coding, identity, and names that are no coding leave the body as it is."""
    assert unpacked(BODY, name) == BODY


def test_unreadable_coding_is_an_error() -> None:
    """A registered coding that was not asked for is named in the error."""
    with pytest.raises(FetchError, match="compress"):
        decoded(iter([b"x"]), "compress")


@pytest.mark.parametrize("size", [1, 10**9])
def test_body_that_only_claims_to_be_gzip_is_passed_on(size: int) -> None:
    """A plain body under Content-Encoding: gzip is read as what it is."""
    assert unpacked(b"<rss/>", "gzip", size) == b"<rss/>"


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
def test_empty_body_is_empty(name: str) -> None:
    """No bytes unpack to no bytes, whatever the coding."""
    assert unpacked(b"", name) == b""


def gzip_bomb(megabytes: int) -> Iterator[bytes]:
    """gzip of ``megabytes`` MiB of zeros, made of one block that is repeated."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = packer.compress(bytes(MEGABYTE)) + packer.flush(zlib.Z_FULL_FLUSH)
    yield b"\x1f\x8b\x08\0\0\0\0\0\0\x03"
    for _ in range(megabytes):
        yield block


def zstd_bomb(megabytes: int) -> Iterator[bytes]:
    """zstd of ``megabytes`` MiB: blocks of 4 bytes that repeat one byte 128 Ki times (RFC 8878 section 3.1.1.2)."""
    yield b"\x28\xb5\x2f\xfd\x00\x58"  # a window of 2 MiB, no size, no checksum
    block = ((128 * 1024) << 3 | 1 << 1).to_bytes(3, "little") + b"x"
    for _ in range(megabytes):
        yield block * 8


def brotli_bomb(megabytes: int) -> Iterator[bytes]:
    """brotli of ``megabytes`` MiB of zeros."""
    packer = brotli.Compressor(quality=1)
    zeros = bytes(MEGABYTE)
    for _ in range(megabytes):
        yield packer.process(zeros) + packer.flush()


@pytest.mark.parametrize(
    ("bomb", "name"),
    [
        (lambda: iter([b"".join(gzip_bomb(1024))]), "gzip"),
        (lambda: iter([gzip.compress(b"".join(gzip_bomb(1024)))]), "gzip, gzip"),
        (lambda: iter([b"".join(zstd_bomb(1024))]), "zstd"),
        (lambda: iter([b"".join(brotli_bomb(64))]), "br"),
    ],
    ids=["gzip 1 GiB", "gzip twice 1 GiB", "zstd 1 GiB", "brotli 64 MiB"],
)
def test_bomb_comes_out_in_bounded_pieces(bomb: Callable[[], Iterator[bytes]], name: str) -> None:
    """However small the body and large what it holds, no piece and no memory exceed a few megabytes."""
    chunks = bomb()
    total = largest = 0
    tracemalloc.start()
    try:
        for piece in decoded(chunks, name):
            total, largest = total + len(piece), max(largest, len(piece))
            if total > 40 * MEGABYTE:
                break
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total > 40 * MEGABYTE
    assert largest <= LARGEST_PIECE
    assert peak < 4 * LARGEST_PIECE
