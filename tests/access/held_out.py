"""What a release keeps hidden, read from its held-out files, and the search for it in what an address answers."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TEXTS = ("desc", "q", "a0", "a1", "a2", "a3")
# A shorter one ("a dog", 17) stands on pages by chance.
SHORTEST_TEXT, SHORTEST_ID = 12, 5

Moment = tuple[str, float, float]  # vid_name, start and end in seconds of the clip


@dataclass(frozen=True)
class HeldOut:
    """Texts and ids that no public file holds, and the moments that are asked for."""

    texts: frozenset[str]
    ids: frozenset[str]
    moments: frozenset[Moment]

    @classmethod
    def read(cls, folder: Path) -> HeldOut:
        """From a full release directory: the truth of the test split and, where there is one, the reserve."""
        public = {path: path.read_text() for path in folder.rglob("*.jsonl") if "held_out" not in path.parts}
        said = "\n".join(json.dumps(row, ensure_ascii=False) for text in public.values() for row in _rows(text))
        rows = [row for path in sorted(folder.glob("held_out/**/*.jsonl")) for row in _rows(path.read_text())]
        texts = {row[name] for row in rows for name in TEXTS if name in row}
        ids = {str(row[name]) for row in rows for name in ("desc_id", "qid") if name in row}
        known = set(re.findall(r"\d+", said))
        return cls(
            texts=frozenset(text for text in texts if len(text) >= SHORTEST_TEXT and _quoted(text) not in said),
            ids=frozenset(number for number in ids - known if len(number) >= SHORTEST_ID),
            moments=frozenset((row["vid_name"], *_times(row["ts"])) for row in rows if "ts" in row),
        )

    def found_in(self, text: str) -> list[str]:
        """Everything hidden that this page, JSON document or line of a file says."""
        plain = " ".join(html.unescape(text).split())
        found = [secret for secret in self.texts if secret in plain]
        found += self.ids & set(re.findall(r"\d+", plain))
        found += [f"{name} {start}-{end}" for name, start, end in self.moments if _tells(plain, name, start, end)]
        return found


def readable(content: bytes, content_type: str) -> str:
    """A page or document as text, JSON without its escapes."""
    if content_type.startswith("application/json"):
        return json.dumps(json.loads(content), ensure_ascii=False)
    return content.decode(errors="replace")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _rows(text: str) -> Iterator[dict[str, Any]]:
    return (json.loads(line) for line in text.splitlines() if line.strip())


def _times(ts: list[float] | str) -> tuple[float, float]:
    start, end = ts.split("-") if isinstance(ts, str) else ts
    return float(start), float(end)


def _tells(text: str, name: str, start: float, end: float) -> bool:
    """Whether it names the clip (or its video) and says the two times one after the other, however rounded."""
    if name.rsplit("_", 2)[0] not in text:
        return False
    return re.search(rf"(?<![\d.]){_forms(start)}(?!\d)[^\d]{{1,20}}{_forms(end)}(?!\d)", text) is not None


def _forms(time: float) -> str:
    forms = {f"{time:g}", f"{time:.1f}", f"{time:.2f}", repr(time)}
    return "(?:" + "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)) + ")"
