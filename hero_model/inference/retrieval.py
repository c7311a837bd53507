"""Find moments: query vectors against precomputed frame vectors (Sec. 4; the released evaluation code).

Shapes: N queries, V clips, F frames, K clips kept for a query, W span widths, D hidden size.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from hero_model.config import HeroConfig
from hero_model.data.batches import TensorDataclass
from hero_model.inference.index import FrameIndex
from hero_model.models.heads import MomentHead

QUERY_BATCH_SIZE = 64  # bounds the memory of the score tables


@dataclass(frozen=True)
class RankedSpans(TensorDataclass):
    """Ranked lists of N queries, best first; a score of 0 or less marks a row that is not there.

    clip [N, M] rows of the index, first and last [N, M] frames, score [N, M].
    """

    clip: Tensor
    first: Tensor
    last: Tensor
    score: Tensor


def rank_clips(queries: Tensor, index: FrameIndex, head: MomentHead) -> tuple[Tensor, Tensor]:
    """The best clips for each query and exp(alpha * score): both [N, K], K at most max_videos."""
    scores = head.best_cosines(queries, index.clip_frames, index.mask)
    best, clips = scores.topk(min(head.config.max_videos, len(index.mask)), dim=1)
    return clips, (head.config.score_sharpness * best).exp()


def find_moments(queries: Tensor, index: FrameIndex, head: MomentHead) -> tuple[RankedSpans, Tensor, Tensor]:
    """Corpus moment retrieval: moments in the best clips; also those clips and their scores, [N, K].

    The score of a moment is P(start) * exp(alpha * clip score) * P(end), for widths of min_span_frames to
    max_span_frames, or all of a clip that is shorter; at most max_moments a query.
    """
    parts = []
    for start in range(0, len(queries), QUERY_BATCH_SIZE):
        some = queries[start : start + QUERY_BATCH_SIZE]
        clips, clip_scores = rank_clips(some, index, head)
        begin, end = _probabilities(some, clips, index, head)
        found = best_spans(begin * clip_scores[..., None], end, index.mask[clips].sum(-1), head.config)
        found = RankedSpans(clips.gather(1, found.clip), found.first, found.last, found.score)
        parts.append((found, clips, clip_scores))
    return _joined([part[0] for part in parts]), torch.cat([p[1] for p in parts]), torch.cat([p[2] for p in parts])


def find_in_own_clip(queries: Tensor, clips: Tensor, index: FrameIndex, head: MomentHead) -> RankedSpans:
    """Moments of each query in the one clip of the index that is its own, by P(start) * P(end): clips [N]."""
    start, end = head.own_span_logits(queries, index.frames[clips], index.mask[clips])
    lengths = index.mask[clips].sum(-1, keepdim=True)
    found = best_spans(start.softmax(-1)[:, None], end.softmax(-1)[:, None], lengths, head.config)
    return RankedSpans(clips[:, None].expand_as(found.clip), found.first, found.last, found.score)


def best_spans(start: Tensor, end: Tensor, lengths: Tensor, config: HeroConfig) -> RankedSpans:
    """The best spans by start * end, [N, K, F] each, over all K clips of a query; clip is 0..K-1.

    lengths [N, K]: frames of each clip, beyond which start and end are 0.
    """
    queries, clips, longest = start.shape
    shortest = config.min_span_frames
    widths = range(shortest, max(shortest, min(config.max_span_frames, longest)) + 1)
    # [N, K, W, F]: a span of w frames from f; those that would leave the clip score 0
    table = start.new_zeros(queries, clips, len(widths), longest)
    for row, width in enumerate(widths):
        reach = max(longest - width + 1, 0)
        torch.mul(start[..., :reach], end[..., width - 1 :], out=table[:, :, row, :reach])
    whole = start[..., 0] * end.gather(-1, lengths[..., None] - 1).squeeze(-1)
    table[:, :, 0, 0] = torch.where(lengths < shortest, whole, table[:, :, 0, 0])  # no span fits: take all of it
    score, place = table.flatten(1).topk(min(config.max_moments, table[0].numel()), dim=1)
    clip, rest = place // (len(widths) * longest), place % (len(widths) * longest)
    first = rest % longest
    last = first + rest // longest + shortest - 1
    return RankedSpans(clip, first, torch.minimum(last, lengths.gather(1, clip) - 1), score)


def _probabilities(queries: Tensor, clips: Tensor, index: FrameIndex, head: MomentHead) -> tuple[Tensor, Tensor]:
    """P(start), P(end) of each query in each of its K clips: [N, K, F]; clips [N, K]."""
    # Products with every frame are one matrix product; copying the frames of K clips a query costs far more.
    everywhere = torch.einsum("vfsd,nsd->nvsf", index.span_frames, head.span_query(queries))
    similarity = everywhere[torch.arange(len(clips), device=clips.device)[:, None], clips]
    start, end = head.filtered(similarity, index.mask[clips])
    return start.softmax(-1), end.softmax(-1)


def _joined(parts: list[RankedSpans]) -> RankedSpans:
    return RankedSpans(
        torch.cat([p.clip for p in parts]),
        torch.cat([p.first for p in parts]),
        torch.cat([p.last for p in parts]),
        torch.cat([p.score for p in parts]),
    )
