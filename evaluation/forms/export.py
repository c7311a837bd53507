"""Foreign files as the project's own rows (docs/interchange.md), beside a list of every row with a fault."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evaluation.forms.records import Fault, FormError, Moment, Question, fitted
from evaluation.forms.table import Form
from evaluation.io.jsonl import encode_line
from evaluation.release.writer import seconds_text


@dataclass
class Conversion:
    """What a file became: rows of our own, and the faults of others, in the file's order."""

    source: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """How many rows were left out."""
        return sum(fault.lost for fault in self.faults)


def convert(path: Path, form: Form) -> Conversion:
    """Read a file of a form; windows that reach out of their video are clamped to it, and listed.

    Raises FormError where the file is not of the form, or nothing in it can be used.
    """
    result = Conversion(path.name)
    for record in form.read(path):
        if isinstance(record, Fault):
            result.faults.append(record)
            continue
        kept, faults = fitted(record)
        if isinstance(kept, Question) and (fault := options_fault(kept)):
            kept, faults = None, [fault]
        result.faults += faults
        if kept:
            result.rows.append(moment_row(kept) if isinstance(kept, Moment) else question_row(kept))
    if not result.rows:
        first = f": {problem_text(path.name, result.faults[0])}" if result.faults else ""
        raise FormError(f"{path}: nothing in it is {form.about}{first}")
    return result


def options_fault(question: Question) -> Fault | None:
    """Why nobody should be asked a question: its options are blank, or equal but for case and blanks.

    Published files have such questions, and scores on them count; a new data set should not.
    """
    folded = [" ".join(option.casefold().split()) for option in question.options]
    if not all(folded):
        return Fault(question.line, "options", f"number {folded.index('')} is blank")
    twice = next((option for n, option in enumerate(folded) if option in folded[:n]), None)
    return None if twice is None else Fault(question.line, "options", f"hold {twice[:40]!r} twice")


def moment_row(moment: Moment) -> dict[str, Any]:
    """A query as one line of TVR's form; `windows` where there are several, `ts` then the first of them."""
    row: dict[str, Any] = {
        "vid_name": moment.video,
        "duration": moment.duration,
        "ts": list(moment.windows[0]) if moment.windows else None,
        "windows": [list(span) for span in moment.windows] if len(moment.windows) > 1 else None,
        "desc": moment.text,
        "type": moment.type,
        "desc_id": moment.id,
    }
    return _given(row)


def question_row(question: Question) -> dict[str, Any]:
    """A question as one line of VALUE's form."""
    row: dict[str, Any] = {"qid": question.id, "vid_name": question.video, "q": question.text}
    row |= {f"a{place}": option for place, option in enumerate(question.options)}
    spans = [f"{seconds_text(span.start)}-{seconds_text(span.end)}" for span in question.windows]
    return _given(row | {"ts": spans[0] if spans else None, "answer_idx": question.answer})


def rows_bytes(rows: Sequence[dict[str, Any]]) -> bytes:
    """Rows as JSON Lines."""
    return b"".join(encode_line(row) for row in rows)


def problem_row(source: str, fault: Fault) -> dict[str, Any]:
    """A fault as a line of the list of problems."""
    told = {"what": _shown(fault.what), "why": _shown(fault.why), "left_out": fault.lost}
    return {"file": source, "line": fault.line, **told}


def problem_text(source: str, fault: Fault) -> str:
    """A fault as a line for people."""
    return f"{source}:{fault.line}: {_shown(fault.what)} {_shown(fault.why)}"


def _shown(text: str) -> str:
    """What a file says, without the one sign that no database and no terminal takes."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _given(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}
