"""TTML (also DFXP, EBU-TT): paragraphs with begin and end, times relative to what encloses them.

Read as a stream by defusedxml: no entity is expanded, no depth exhausts the stack, every paragraph has its line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from xml.sax import SAXException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import Locator

from defusedxml import sax
from defusedxml.common import DefusedXmlException

from annotation.media.subtitles.cues import Draft, SubtitleError
from annotation.media.subtitles.forms.markup import LONGEST_LINE

_CLOCK = re.compile(r"(\d{1,4}):(\d\d):(\d\d)(?:\.(\d{1,9})|:(\d{1,3})(?:\.\d{1,9})?)?", re.ASCII)
_OFFSET = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(h|ms|m|s|f|t)", re.ASCII)
_TIMED = {"body", "div", "p"}
_TIMES = {"begin", "end", "dur"}


@dataclass
class _Rates:
    """How a document counts: frames and ticks a second."""

    frames: float = 30.0
    ticks: float = 1.0

    @classmethod
    def of(cls, attributes: dict[str, str]) -> _Rates:
        frames = _positive(attributes.get("frameRate"), 30.0)
        above, _, below = attributes.get("frameRateMultiplier", "1 1").partition(" ")
        multiplier = _positive(above, 1.0) / _positive(below, 1.0)
        return cls(frames * multiplier, _positive(attributes.get("tickRate"), 1.0))

    def seconds(self, text: str) -> float:
        """Raises ValueError."""
        if found := _CLOCK.fullmatch(text.strip()):
            hours, minutes, rest, fraction, frame = found.groups()
            value = int(hours) * 3600 + int(minutes) * 60 + int(rest) + float(f"0.{fraction or 0}")
            return value + int(frame or 0) / self.frames
        if found := _OFFSET.fullmatch(text.strip()):
            units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "f": 1 / self.frames, "t": 1 / self.ticks}
            return float(found[1]) * units[found[2]]
        raise ValueError(f"a time is {text.strip()[:40]!r}, expected hours:minutes:seconds or a number with its unit")


def _positive(text: str | None, default: float) -> float:
    found = re.fullmatch(r"\d{1,9}(\.\d{1,6})?", (text or "").strip(), re.ASCII)
    return float(found[0]) if found and float(found[0]) > 0 else default


@dataclass
class _Paragraph:
    where: str
    attributes: dict[str, str]
    begin: float  # of what encloses it
    depth: int = 0
    lines: list[str] = field(default_factory=lambda: [""])
    spans: list[_Paragraph] = field(default_factory=list)  # those with times of their own, the outermost
    words_outside: bool = False

    def take(self, content: str) -> None:
        if len(self.lines[-1]) < LONGEST_LINE:
            self.lines[-1] += content


class _Reader(ContentHandler):
    """Collects paragraphs; `offsets` are the begins of the elements that are open."""

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self.draft, self.rates = draft, _Rates()
        self.locator: Locator | None = None
        self.offsets: list[float] = [0.0]
        self.root = ""
        self.open: _Paragraph | None = None
        self.span: _Paragraph | None = None

    def setDocumentLocator(self, locator: Locator) -> None:
        self.locator = locator

    def startElement(self, name: str, attrs: Any) -> None:
        """Elements and attributes are known by their names without prefix."""
        kind = _local(name)
        attributes = {_local(key): value for key, value in attrs.items()}
        where = f"line {self.locator.getLineNumber()}" if self.locator is not None else ""
        if not self.root:
            self._begin_document(kind, attributes, where)
        begin = self.offsets[-1]
        if kind == "p" and self.open is None:
            self.open = _Paragraph(where, attributes, begin)
        elif kind == "br" and self.open is not None:
            for one in self._open():
                one.lines.append("")
        elif kind == "span" and self.open is not None:
            self._begin_span(self.open, attributes, where)
        elif kind in _TIMED and "begin" in attributes:
            begin += self._time(attributes["begin"], where)
        self.offsets.append(begin)

    def _begin_document(self, kind: str, attributes: dict[str, str], where: str) -> None:
        if kind != "tt":
            raise SubtitleError(f"{where}: XML of the kind {kind[:40]!r}, expected TTML, whose root is tt")
        self.root, self.rates = kind, _Rates.of(attributes)

    def _begin_span(self, paragraph: _Paragraph, attributes: dict[str, str], where: str) -> None:
        """Spans inside one that has times are its words, as karaoke has them."""
        if self.span is None and _TIMES & set(attributes):
            self.span = _Paragraph(where, attributes, paragraph.begin, len(self.offsets))
            paragraph.spans.append(self.span)

    def _open(self) -> list[_Paragraph]:
        return [one for one in (self.open, self.span) if one is not None]

    def characters(self, content: str) -> None:
        for one in self._open():
            one.take(content)
        if self.open is not None and self.span is None and content.strip():
            self.open.words_outside = True

    def endElement(self, name: str) -> None:
        self.offsets.pop()
        if self.span is not None and len(self.offsets) == self.span.depth:
            self.span = None
        if _local(name) == "p" and self.open is not None:
            paragraph, self.open = self.open, None
            own = paragraph.attributes
            if paragraph.spans and not ("begin" in own and ("dur" in own or "end" in own)):
                self._add_spans(paragraph)
            else:
                self._add(paragraph)

    def _add_spans(self, paragraph: _Paragraph) -> None:
        """A paragraph that does not say when it is over: its spans say when they are shown."""
        begin = self._time(paragraph.attributes.get("begin", "0s"), paragraph.where)
        for span in paragraph.spans:
            span.begin += begin
            self._add(span)
        if paragraph.words_outside:
            self.draft.refuse(paragraph.where, "words outside the spans that have times: left out")

    def _add(self, paragraph: _Paragraph) -> None:
        own = paragraph.attributes
        try:
            start = paragraph.begin + self.rates.seconds(own.get("begin", ""))
            end = start + self.rates.seconds(own["dur"]) if "dur" in own else None
            if end is None:
                end = paragraph.begin + self.rates.seconds(own.get("end", ""))
        except ValueError as error:
            self.draft.refuse(paragraph.where, str(error))
            return
        self.draft.add(paragraph.where, start, end, [" ".join(line.split()) for line in paragraph.lines])

    def _time(self, text: str, where: str) -> float:
        try:
            return self.rates.seconds(text)
        except ValueError as error:
            self.draft.refuse(where, str(error))
            return 0.0


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def parse(text: str, draft: Draft) -> None:
    """Raises SubtitleError on what is no TTML."""
    declared = re.sub(r"^\s*<\?xml[^>]*\?>", "", text, count=1)  # it may name the encoding the file had
    blank_lines = text[: len(text) - len(declared)].count("\n")
    try:
        sax.parseString(("\n" * blank_lines + declared).encode("utf-8", "replace"), _Reader(draft), forbid_dtd=True)
    except (SAXException, DefusedXmlException, ValueError) as error:
        raise error if isinstance(error, SubtitleError) else SubtitleError(f"no XML that is read: {error}") from error
