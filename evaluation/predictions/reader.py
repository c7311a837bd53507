"""One door for every form of moment predictions: JSON, JSONL (plain, gzip, zip) and Parquet, as a stream of lists."""

from collections.abc import Iterator

from evaluation.metrics.ranked_lists import Lists
from evaluation.predictions.errors import Findings
from evaluation.predictions.file import Source
from evaluation.predictions.json.reader import MomentJson
from evaluation.release.video_index import VideoIndex


def read_lists(source: Source, videos: VideoIndex | None, findings: Findings, *, allow_mark: bool) -> Iterator[Lists]:
    """Lists in file order, each valid until the next is asked for. Raises Refused.

    `videos` is what a submitted video2idx must agree with, None to take any (converting needs no release).
    """
    if source.is_parquet:
        from evaluation.predictions.parquet import MomentParquet  # pyarrow costs 0.1 s that JSON need not pay

        return MomentParquet(source, findings).lists()
    return MomentJson(source, videos, findings, allow_mark=allow_mark).lists()
