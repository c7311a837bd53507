"""The predictor that only reads: it compares a query with subtitles and sees no picture."""

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

from evaluation.metrics.protocol import ROWS_KEPT
from evaluation.metrics.ranked_lists import RankedLists
from evaluation.release import SUBTITLES, MomentQueries, Release
from hero_model.checkpoints.text_encoder import minilm_folder
from hero_model.data.subtitles import check_times

TEXT_BATCH_SIZE = 64


class SubtitleRanker:
    """Every subtitle of a split as a candidate moment; a clip without any has one empty one over its whole length."""

    def __init__(self, release: Release, queries: MomentQueries) -> None:
        subtitles = release.subtitles()
        videos = queries.videos
        durations = dict(zip(videos.names, videos.durations.tolist(), strict=True))
        check_times(subtitles, durations, str(release.root / SUBTITLES))
        rows: list[tuple[int, str, float, float]] = []
        for place, (name, duration) in enumerate(durations.items()):
            seen = [
                (place, line.text, max(0.0, line.start), min(line.end, duration))
                for line in subtitles.get(name, [])
                if max(0.0, line.start) < min(line.end, duration)
            ]
            rows += seen or [(place, "", 0.0, duration)]
        self.queries = queries
        self.place = np.array([row[0] for row in rows])  # [S]
        self.texts = [row[1] for row in rows]
        self.start = np.array([row[2] for row in rows])
        self.end = np.array([row[3] for row in rows])

    def moments(self, similarity: NDArray[np.float32]) -> RankedLists:
        """VCMR."""
        return self._lists("VCMR", np.argsort(-similarity, axis=1, kind="stable"), similarity)

    def own_moments(self, similarity: NDArray[np.float32]) -> RankedLists:
        """SVMR: the subtitles of the query's own clip."""
        in_own = self.place == self.queries.video[:, None]
        order = np.argsort(-np.where(in_own, similarity, -np.inf), axis=1, kind="stable")
        return self._lists("SVMR", order, similarity, in_own.sum(1))

    def clips(self, similarity: NDArray[np.float32]) -> RankedLists:
        """VR: clips by their best subtitle."""
        first_of_clip = np.flatnonzero(np.diff(self.place, prepend=-1))  # candidates stand clip by clip
        best = np.maximum.reduceat(similarity, first_of_clip, axis=1)  # [N, V]
        order = np.argsort(-best, axis=1, kind="stable")[:, :ROWS_KEPT]
        count = order.shape[1]
        nothing = np.zeros(order.size)
        return RankedLists(
            "VR",
            self.queries.desc_ids,
            np.arange(len(order) + 1) * count,
            self.queries.videos.ids[order.ravel()],
            nothing,
            nothing,
            np.take_along_axis(best, order, 1).ravel(),
        )

    def _lists(
        self,
        task: str,
        order: NDArray[np.int64],
        similarity: NDArray[np.float32],
        counts: NDArray[np.int64] | None = None,
    ) -> RankedLists:
        order = order[:, :ROWS_KEPT]
        counts = np.full(len(order), order.shape[1]) if counts is None else np.minimum(counts, order.shape[1])
        kept = np.arange(order.shape[1]) < counts[:, None]
        chosen = order[kept]
        return RankedLists(
            task,
            self.queries.desc_ids,
            np.concatenate([[0], np.cumsum(counts)]),
            self.queries.videos.ids[self.place[chosen]],
            self.start[chosen],
            self.end[chosen],
            np.take_along_axis(similarity, order, 1)[kept].astype(np.float64),
        )


def embed_texts(texts: list[str]) -> NDArray[np.float32]:
    """Unit vectors [N, 384]: MiniLM, mean over the tokens."""
    folder = minilm_folder()
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, len(texts), TEXT_BATCH_SIZE):
            batch = tokenizer(
                texts[start : start + TEXT_BATCH_SIZE], padding=True, truncation=True, return_tensors="pt"
            )
            states = model(**batch).last_hidden_state
            mask = batch["attention_mask"][..., None]
            parts.append((states * mask).sum(1) / mask.sum(1))
    return torch.nn.functional.normalize(torch.cat(parts), dim=1).numpy()
