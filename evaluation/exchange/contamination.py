"""Whether a corpus, or what a model says, holds a release: its canary, and the word sequences of its test split.

A sequence that stands in train or val too tells nothing of test and is not looked for.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.exchange.rows import public_rows, tasks_of
from evaluation.io.opened import open_plain
from evaluation.release import CARD, SPLITS, Release, ReleaseError
from evaluation.release.schema import MomentRow, QuestionRow

WORDS = 8
"""Words of a sequence; a shorter text is looked for whole, down to LEAST."""
LEAST = 4
MOST = 100
CANARY = re.compile(r"HERO BENCH CANARY \S+ [0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BLOCK = 1 << 20
_WORD = re.compile(r"\w+")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|[nrtbf])")  # what JSON writes for letters and for blanks


@dataclass
class Contamination:
    """What was found: places of the canary, and the test items of which a sequence was found, each with a place."""

    searched: int = 0  # items of test that have a sequence long enough
    too_short: int = 0
    canary: list[str] = field(default_factory=list)
    items: dict[str, str] = field(default_factory=dict)


def contamination(release: Release, corpora: Iterable[Path], words: int = WORDS) -> Contamination:
    """Search text files, packed with gzip or not, and all files of folders; JSON's own marks do not matter.

    `words` is LEAST or more. Raises ReleaseError, OSError.
    """
    found = Contamination()
    sequences = _sequences(release, words, found)
    canary = canary_of(release)
    lengths = sorted({len(sequence) for sequence in sequences})
    for path in _files(corpora):
        end, tokens = "", []
        for number, text in _texts(path):
            if canary:
                whole = end + text
                if canary in whole:
                    found.canary.append(f"{path}:{number}")
                end = whole[1 - len(canary) :]  # what the next line may complete
            tokens += _words(text)
            for name in _hits(tokens, sequences, lengths):
                found.items.setdefault(name, f"{path}:{number}")
            tokens = tokens[1 - words :]
    return found


def _files(corpora: Iterable[Path]) -> Iterator[Path]:
    for path in corpora:
        if path.is_dir():
            yield from sorted(inside for inside in path.rglob("*") if inside.is_file())
        else:
            yield path


def canary_of(release: Release) -> str | None:
    """The text in the card that stands nowhere else; releases of earlier software have none."""
    path = release.root / CARD
    found = CANARY.search(path.read_text("utf-8", "replace")) if path.is_file() else None
    return found[0] if found else None


def _sequences(release: Release, words: int, found: Contamination) -> dict[tuple[str, ...], list[str]]:
    """{word sequence: names of the test items that hold it}, without those that train or val hold."""
    sequences: dict[tuple[str, ...], list[str]] = {}
    shown: set[tuple[str, ...]] = set()
    for task in tasks_of(release.root):
        for split in SPLITS:
            for row in public_rows(release.root, task, split):
                made = set(_ngrams(_words(_text(row)), words))
                if split != "test":
                    shown |= made
                    continue
                name = f"{task} {row.desc_id if isinstance(row, MomentRow) else row.qid}"
                found.searched += bool(made)
                found.too_short += not made
                for sequence in made:
                    sequences.setdefault(sequence, []).append(name)
    return {sequence: names for sequence, names in sequences.items() if sequence not in shown}


def _text(row: MomentRow | QuestionRow) -> str:
    """A query, or a question with its options behind it, as they are read out to a model."""
    return row.desc if isinstance(row, MomentRow) else " ".join((row.q, *row.options))


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFC", text).casefold())


def _ngrams(tokens: list[str], words: int) -> Iterator[tuple[str, ...]]:
    if len(tokens) < words:
        if len(tokens) >= LEAST:
            yield tuple(tokens)
        return
    for place in range(len(tokens) - words + 1):
        yield tuple(tokens[place : place + words])


def _hits(tokens: list[str], sequences: dict[tuple[str, ...], list[str]], lengths: list[int]) -> Iterator[str]:
    for length in lengths:
        for place in range(len(tokens) - length + 1):
            yield from sequences.get(tuple(tokens[place : place + length]), ())


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """(line number, text) of each line; of a long one in pieces that end at a blank."""
    with open_plain(path, ReleaseError) as file:
        number, rest = 1, b""
        while piece := file.readline(_BLOCK):
            ended = piece.endswith(b"\n")
            text, blank, left = (rest + piece, b"", b"") if ended else (rest + piece).rpartition(b" ")
            if len(left) > _BLOCK:  # no text has a word as long
                text, left = text + blank + left, b""
            yield number, _plain(text + blank).replace("\n", " ")
            number, rest = number + ended, left
        if rest:
            yield number, _plain(rest)


def _plain(raw: bytes) -> str:
    """The text without JSON's escapes."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else " ", raw.decode("utf-8", "replace"))
