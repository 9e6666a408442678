"""The code of a submission, with what everybody has taken out."""

from collections.abc import Mapping

from tools.integrity.boilerplate import Boilerplate
from tools.integrity.hashing import digest, grams
from tools.integrity.prints import CodePrint
from tools.integrity.words import CODE_WORDS, code_words

# Six short functions are written alike by people who never met: of 287 ways to write them that the
# kit's tests know, the longest has 218 words that the solution hasn't.
LEAST_OWN = 250


def code_print(files: Mapping[str, bytes], given: Boilerplate) -> CodePrint:
    """Return what is to be compared of source files."""
    own, found = 0, set[int]()
    for _, content in sorted(files.items()):
        words = code_words(content.decode("utf-8", "replace"))
        sequences = grams(words, CODE_WORDS)
        covered = bytearray(len(words))
        for position, gram in enumerate(sequences):
            if gram in given.code:
                covered[position : position + CODE_WORDS] = b"\1" * CODE_WORDS
            else:
                found.add(gram)
        own += covered.count(0)
    contents = [part for name, content in sorted(files.items()) for part in (name, content.hex())]
    return CodePrint(sha256=digest(*contents), own=own, grams=tuple(sorted(found)))


def likeness(one: CodePrint, other: CodePrint) -> float:
    """Return the share of the smaller one's own sequences that the other has too."""
    least = min(len(one.grams), len(other.grams))
    return len({*one.grams} & {*other.grams}) / least if least else 0.0
