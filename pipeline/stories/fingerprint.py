"""The keys under which an item's copies are found: MinHash bands of how its text begins, its title, its address.

Two items that share a key may be copies, and ``copies.is_copy`` decides; two that share none are not compared. Texts of
copies begin alike (they may end anywhere), so only the beginning is signed: once as far as a teaser goes, once further.
Sources: A. Broder, On the resemblance and containment of documents (1997), for MinHash; J. Leskovec, A. Rajaraman, J.
Ullman, Mining of Massive Datasets, section 3.4, for bands.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from rensa import RMinHash

from pipeline.stories.compared import HEADLINE, Copy
from pipeline.stories.words import Words

#: How much of a text is signed, by weight, and in how many bands of two values: copies that share half of the pieces
#: meet in one of 6 bands with 82 %, of 8 with 90 %; what shares a tenth with 6 and 8 %.
_VIEWS = ((28, 6), (80, 8))
_ROWS = 2
_PIECE = 4  # by weight: two words, or four characters of Han
_SEED = 20190911


def keys_of(copy: Copy) -> tuple[int, ...]:
    """The keys of an item, whole numbers below 2^47; at most 18, in ascending order.

    Besides the bands: the beginning word for word, the title, the address, which find a copy among ten thousand notices
    made from one template, too.
    """
    keys: set[int] = set()
    pieces = list(_pieces(copy.lead))
    for view, (weight, bands) in enumerate(_VIEWS):
        within = [piece for start, piece in pieces if start < weight]
        if within:
            keys |= {_key(str(view), *within), *_bands(view, set(within), bands)}
    if copy.headline.weight >= HEADLINE:
        keys.add(_key("title", *copy.headline.forms))
    if copy.address:
        keys.add(_key("address", copy.address))
    return tuple(sorted(keys))


def _bands(view: int, pieces: set[str], bands: int) -> Iterator[int]:
    signature = RMinHash(num_perm=bands * _ROWS, seed=_SEED)
    signature.update(sorted(pieces))
    values = signature.digest()
    for band in range(bands):
        yield _key(str(view), str(band), *map(str, values[band * _ROWS : (band + 1) * _ROWS]))


def _pieces(words: Words) -> Iterator[tuple[int, str]]:
    """The overlapping pieces of a text, each with the weight of what stands before its end."""
    before = 0
    for start in range(len(words)):
        weight, end = 0, start
        while end < len(words) and weight < _PIECE:
            weight += words.weights[end]
            end += 1
        yield before + weight - 1, " ".join(words.forms[start:end])
        if end == len(words):
            return
        before += words.weights[start]


def _key(*parts: str) -> int:
    digest = hashlib.blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=6).digest()
    return int.from_bytes(digest) >> 1
