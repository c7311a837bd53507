"""The forms by their names: what `--from` and `--truth-form` know."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from evaluation.forms import captions, moments, questions, release_folder
from evaluation.forms.records import Fault, Record, without_repeats


@dataclass(frozen=True)
class Form:
    """One form: how a file of it is read, and what it is, for people."""

    about: str
    reader: Callable[[Path], Iterator[Record | Fault]]
    released: str  # what a release of the platform makes of it
    several: bool = False  # moments a query: its own metrics stand beside ours
    whole_clips: bool = False  # a query without a moment describes the whole of its clip; elsewhere it is withheld

    def read(self, path: Path) -> Iterator[Record | Fault]:
        """The records of a file, no id twice, and what is wrong with other rows. Raises FormError."""
        return without_repeats(self.reader(path))


QUERIES = "queries of moments"
WHOLE = "queries of whole clips, as video retrieval"
QUESTIONS = "questions, in releases of four options or of five, as they have"

FORMS = {
    "activitynet": Form("ActivityNet Captions, JSON", moments.read_activitynet, QUERIES),
    "charades-sta": Form("Charades-STA, text lines", moments.read_charades, QUERIES),
    "didemo": Form("DiDeMo, JSON array", moments.read_didemo, QUERIES),
    "how2qa": Form("How2QA, CSV", questions.read_how2qa, "questions of four options"),
    "how2r": Form("How2R, CSV", moments.read_how2r, QUERIES),
    "msrvtt": Form("MSR-VTT's captions, JSON", captions.read_msrvtt, WHOLE, whole_clips=True),
    "msrvtt-qa": Form(
        "MSR-VTT-QA, JSON array", questions.read_msrvtt, "nothing: its questions have no wrong answers to choose from"
    ),
    "qvhighlights": Form(
        "QVHighlights, and all that lighthouse ships, JSONL",
        moments.read_qvhighlights,
        "queries of one moment; of those with several nothing: their segments alone come in",
        several=True,
    ),
    "release": Form("a release of this format, folder or zip", release_folder.read_release, "what it was"),
    "tacos": Form("TACoS in frames (2D-TAN), JSON", moments.read_tacos, QUERIES),
    "tvqa": Form("TVQA, JSONL", questions.read_tvqa, QUESTIONS),
    "tvqa+": Form("TVQA+, JSON array", questions.read_tvqa, QUESTIONS),
    "tvr": Form("TVR and the project's own queries, JSONL", moments.read_tvr, QUERIES),
    "value": Form(
        "VALUE's retrieval, QA and captioning tasks, JSONL",
        questions.read_value,
        "queries of moments; questions as TVQA's; nothing of VIOLIN and VLEP: two options",
    ),
    "value-clips": Form(
        "VALUE's YC2R, VATEX-EN-R, YC2C, VATEX-EN-C, JSONL: queries of whole clips",
        questions.read_value,
        WHOLE,
        whole_clips=True,
    ),
    "vatex": Form("VATEX, JSON array: English captions", captions.read_vatex, WHOLE, whole_clips=True),
    "violin": Form(
        "VIOLIN as first published, JSON", questions.read_violin, "nothing: its statements have two options"
    ),
    "youcook2": Form("YouCook2, JSON", moments.read_youcook2, QUERIES),
}
