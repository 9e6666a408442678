"""Short hashes that are the same on every computer."""

import hashlib
from collections.abc import Iterable, Sequence


def digest(*parts: object) -> str:
    """Return a hash of the texts of some values."""
    text = "\0".join(map(str, parts))
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=12).hexdigest()


def grams(words: Sequence[str], length: int) -> list[int]:
    """Return a hash of each sequence of so many words."""
    return [number(words[i : i + length]) for i in range(len(words) - length + 1)]


def number(words: Iterable[str]) -> int:
    text = "\0".join(words).encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=7).digest(), "big")
