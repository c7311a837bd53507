"""The rows of the paper's Tables 1 to 3: what each trains on, and what the paper reports for it."""

from dataclasses import dataclass

ALL = "mlm,mnce,fom,vsm"


@dataclass(frozen=True)
class Row:
    """A system as `train` is asked for it; `retrieval` and `accuracy` are the paper's TVR R@1 and TVQA accuracy."""

    label: str
    model: str = "hero"
    objectives: str | None = None  # None: no pre-training
    second_corpus: bool = False
    retrieval: float | None = None
    accuracy: float | None = None

    def arguments(self, second: str) -> list[str]:
        """Of `train`, beside release, folder and seed; `second` is the release of the other corpus."""
        if self.objectives is not None:
            corpus = ["--corpus", second] if self.second_corpus else []
            return ["--model", self.model, "--objectives", self.objectives, *corpus]
        skipped = ["--no-pretraining"] if self.model in ("hero", "h_trm") else []  # the others have none
        return ["--model", self.model, *skipped]


ROWS = {
    "f-trm": Row("F-TRM", "f_trm", retrieval=1.99, accuracy=31.80),
    "h-trm": Row("H-TRM", "h_trm", retrieval=2.97, accuracy=70.09),
    "hero": Row("HERO", retrieval=2.98, accuracy=70.65),
    "h-trm-pretrained": Row("H-TRM, pre-trained", "h_trm", ALL, retrieval=3.12, accuracy=70.03),
    "hero-pretrained": Row("HERO, pre-trained", objectives=ALL, retrieval=4.44, accuracy=72.75),
    "xml": Row("XML", "xml", retrieval=2.70),
    "stage": Row("STAGE", "stage", accuracy=70.50),
    "vsm": Row("HERO, pre-trained by VSM alone", objectives="vsm"),  # the paper has no such row
    "mlm": Row("MLM", objectives="mlm", retrieval=2.92, accuracy=71.25),
    "mnce": Row("MLM + MNCE", objectives="mlm,mnce", retrieval=3.13, accuracy=71.99),
    "fom": Row("MLM + MNCE + FOM", objectives="mlm,mnce,fom", retrieval=3.09, accuracy=72.54),
    "mffr": Row("MLM + MNCE + FOM + VSM + MFFR", objectives=f"{ALL},mffr", retrieval=4.44, accuracy=72.75),
    "two-corpora": Row("as above without MFFR, two corpora", objectives=ALL, second_corpus=True,
                       retrieval=4.34, accuracy=74.24),
}  # fmt: skip

# number and subject of each table, its rows in the paper's order
TABLES = {
    "Table 1: pre-training tasks and data": ("vsm", "mlm", "mnce", "fom", "hero-pretrained", "mffr", "two-corpora"),
    "Table 2: design of the encoder": ("f-trm", "h-trm", "hero", "vsm", "h-trm-pretrained", "hero-pretrained"),
    "Table 3: beside other methods": ("xml", "stage", "hero", "hero-pretrained"),
}
