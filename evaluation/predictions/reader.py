"""Moment predictions of every form, JSON, JSONL (plain, gzip, zip) and Parquet, as one stream of ranked lists."""

from collections.abc import Iterator

from evaluation.metrics.ranked_lists import RankedLists
from evaluation.predictions.errors import Findings
from evaluation.predictions.file import PredictionFile
from evaluation.predictions.ids import QueryIds
from evaluation.predictions.json.reader import MomentJsonReader
from evaluation.release import VideoIndex


def read_lists(
    source: PredictionFile, videos: VideoIndex | None, findings: Findings, ids: QueryIds | None = None
) -> Iterator[RankedLists]:
    """Lists in file order, each valid until the next is asked for. Raises PredictionError.

    `videos` is what a submitted video2idx must agree with, None to take any (converting needs no release); `ids` says
    what ids may be, by itself whole numbers. Parquet has no others.
    """
    if source.is_parquet:
        from evaluation.predictions.parquet import MomentParquetReader  # pyarrow costs 0.1 s that JSON need not pay

        return MomentParquetReader(source, findings).lists()
    return MomentJsonReader(source, videos, findings, ids or QueryIds(findings)).lists()
