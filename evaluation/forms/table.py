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
    several: bool = False  # moments a query: its own metrics stand beside ours
    whole_clips: bool = False  # a query without a moment describes the whole of its clip; elsewhere it is withheld

    def read(self, path: Path) -> Iterator[Record | Fault]:
        """The records of a file, no id twice, and what is wrong with other rows. Raises FormError."""
        return without_repeats(self.reader(path))


FORMS = {
    "activitynet": Form("ActivityNet Captions, JSON", moments.read_activitynet),
    "charades-sta": Form("Charades-STA, text lines", moments.read_charades),
    "didemo": Form("DiDeMo, JSON array", moments.read_didemo),
    "how2qa": Form("How2QA, CSV", questions.read_how2qa),
    "how2r": Form("How2R, CSV", moments.read_how2r),
    "msrvtt": Form("MSR-VTT's captions, JSON", captions.read_msrvtt, whole_clips=True),
    "msrvtt-qa": Form("MSR-VTT-QA, JSON array", questions.read_msrvtt),
    "qvhighlights": Form("QVHighlights, and all that lighthouse ships, JSONL", moments.read_qvhighlights, several=True),
    "release": Form("a release of this format, folder or zip", release_folder.read_release),
    "tacos": Form("TACoS in frames (2D-TAN), JSON", moments.read_tacos),
    "tvqa": Form("TVQA, JSONL", questions.read_tvqa),
    "tvqa+": Form("TVQA+, JSON array", questions.read_tvqa),
    "tvr": Form("TVR and the project's own queries, JSONL", moments.read_tvr),
    "value": Form(
        "VALUE's retrieval, QA and captioning tasks, JSONL",
        questions.read_value,
    ),
    "value-clips": Form(
        "VALUE's YC2R, VATEX-EN-R, YC2C, VATEX-EN-C, JSONL: queries of whole clips",
        questions.read_value,
        whole_clips=True,
    ),
    "vatex": Form("VATEX, JSON array: English captions", captions.read_vatex, whole_clips=True),
    "violin": Form("VIOLIN as first published, JSON", questions.read_violin),
    "youcook2": Form("YouCook2, JSON", moments.read_youcook2),
}
