"""The numbers of the field's protocol, and what one scoring may choose."""

from dataclasses import dataclass
from typing import Literal

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
HEADLINE_THRESHOLDS = (0.5, 0.7)
RECALL_AT = (1, 5, 10, 100)
NMS_THRESHOLD = 0.5  # paper, footnote 7
NMS_ROWS_IN = 200  # rows of a list that enter NMS (HERO's max_before_nms)
ROWS_KEPT = 100  # rows of a list that count, after NMS (HERO's max_after_nms)

Rules = Literal["strict", "official"]


@dataclass(frozen=True)
class ScoringOptions:
    """How to score.

    `withheld` refuses SVMR: its lists stand on the video of each query, and a check of them tells that video.
    `nms` are the tIoU thresholds of suppression, `nms_rows_in` the rows of a list that enter it (100: the field's
    scripts, which cut first). `clamp` is False only for the field's own files under the field's own rules.
    `thresholds` are the tIoUs to rank at: metrics need HEADLINE_THRESHOLDS, curves all. `only`: ids of the queries
    that numbers are made of, None for all; the file must answer every query of the split either way.
    """

    split: str
    rules: Rules = "strict"
    missing_is_miss: bool = False
    withheld: bool = False
    seed: int = 0
    nms: tuple[float, ...] = (NMS_THRESHOLD,)
    nms_rows_in: int = NMS_ROWS_IN
    clamp: bool = True
    thresholds: tuple[float, ...] = THRESHOLDS
    only: frozenset[int] | None = None
