"""Losses (Sec. 3.2, 3.3) as functions of logits; nothing here knows a model.

Shapes: N queries, V clips, F frames, M masked frames, U unmasked slots.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hero_model.config import HeroConfig

MASKED_LOGIT = -1e4  # logit of a place that may not be chosen
cross_entropy = nn.functional.cross_entropy


def frame_regression(predicted: Tensor, target: Tensor, squared: bool) -> Tensor:
    """MFFR: mean over masked frames of the L2 distance [M, features], squared in the paper."""
    squares = (predicted - target).square().sum(1)
    return (squares if squared else squares.sqrt()).mean()


def frame_contrast_logits(
    predicted: Tensor, target: Tensor, others: Tensor, temperature: float, other_targets: bool
) -> tuple[Tensor, Tensor]:
    """MNCE: logits of each masked frame's own feature against distractors, and the index of the own one.

    predicted, target [M, features]; others [U, features] are the predictions at unmasked slots. With
    other_targets (released code) the other masked frames' features are distractors, too: [M, M + U],
    label i; without (paper): [M, 1 + U], label 0.
    """
    distractors = predicted @ others.T
    if other_targets:
        logits = torch.cat([predicted @ target.T, distractors], dim=1)
        labels = torch.arange(len(predicted), device=predicted.device)
    else:
        logits = torch.cat([(predicted * target).sum(1, keepdim=True), distractors], dim=1)
        labels = torch.zeros(len(predicted), dtype=torch.long, device=predicted.device)
    return logits / temperature, labels


def span_loss(start: Tensor, end: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """CE of start plus CE of end: logits [N, F], target [N, 2]; targets of -1 do not count.

    Zero (with a gradient of zero) where nothing counts, so that a batch without spans does no harm.
    """
    if not bool((target >= 0).any()):
        return start.sum() * 0.0
    starts = cross_entropy(start, target[:, 0], ignore_index=-1, reduction=reduction)
    return starts + cross_entropy(end, target[:, 1], ignore_index=-1, reduction=reduction)


@dataclass
class SampledNegativeRanks:
    """Ranks of the sampled negatives among the sorted ones, where they are given and not drawn."""

    clip: Tensor  # [N]
    query: Tensor  # [V]


def ranking_losses(
    scores: Tensor,
    query_clip: Tensor,
    config: HeroConfig,
    hard_negatives: bool = False,
    sampled: SampledNegativeRanks | None = None,
) -> tuple[Tensor, Tensor]:
    """Global alignment (Eq. 7) of N queries with V clips, for each query: against other clips, other queries.

    scores [N, V]; query_clip [N] is the clip of each query. Both results are [N], unweighted. Zeros where
    there is nothing to compare with.
    """
    n, v = scores.shape
    own_clip = nn.functional.one_hot(query_clip, v).bool()  # [N, V]
    own_query = own_clip[:, query_clip].T  # [N, N] queries of the same clip, the row's query among them
    positive = scores.gather(1, query_clip[:, None])  # [N, 1]
    by_query = scores.T[query_clip]  # [N, N] every query's score with this query's clip
    if config.ranking_loss == "softmax":
        t = config.ranking_temperature
        rivals = by_query.masked_fill(own_query & ~torch.eye(n, dtype=torch.bool, device=scores.device), MASKED_LOGIT)
        own = torch.arange(n, device=scores.device)
        return (
            cross_entropy(scores / t, query_clip, reduction="none"),
            cross_entropy(rivals / t, own, reduction="none"),
        )
    if not config.use_all_negatives:
        return _against_one(scores, query_clip, own_clip, positive, config, hard_negatives, sampled)
    return (
        _against_all(positive, scores, own_clip, config, hard_negatives),
        _against_all(positive, by_query, own_query, config, hard_negatives),
    )


def _pairwise(positive: Tensor, negative: Tensor, config: HeroConfig) -> Tensor:
    if config.ranking_loss == "lse":
        return nn.functional.softplus(negative - positive)
    return (config.ranking_margin + negative - positive).clamp(min=0)


def _against_all(positive: Tensor, scores: Tensor, own: Tensor, config: HeroConfig, hard: bool) -> Tensor:
    """Mean over each row's negatives; with hard mining the best-scored ones weigh more."""
    ordered = scores.masked_fill(own, -torch.inf).sort(dim=1, descending=True).values
    counted = ordered > -torch.inf
    losses = _pairwise(positive, ordered.masked_fill(~counted, 0), config) * counted
    if hard:
        weights = torch.full_like(losses[0], 0.1)
        weights[: config.hard_pool_size] = config.hard_negative_weight
        losses = losses * weights
    return losses.sum(1) / counted.sum(1).clamp(min=1)


def _against_one(
    scores: Tensor,
    query_clip: Tensor,
    own_clip: Tensor,
    positive: Tensor,
    config: HeroConfig,
    hard: bool,
    sampled: SampledNegativeRanks | None,
) -> tuple[Tensor, Tensor]:
    """One negative clip for each query and one negative query for each clip, from the hard pool if asked."""
    negatives, there = [], []
    for rows, own, rank in (
        (scores, own_clip, sampled.clip if sampled else None),
        (scores.T, own_clip.T, sampled.query if sampled else None),
    ):
        first, last = own.sum(1), torch.full_like(own.sum(1), rows.shape[1])  # the own ones are sorted first
        if hard:
            last = torch.minimum(first + config.hard_pool_size, last)
        if rank is None:
            rank = first + (torch.rand(len(rows), device=rows.device) * (last - first)).long()
        order = rows.detach().masked_fill(own, torch.inf).argsort(dim=1, descending=True)
        there.append(first < rows.shape[1])
        negatives.append(rows.gather(1, order.gather(1, rank.clamp(max=rows.shape[1] - 1)[:, None])))
    return (
        _pairwise(positive, negatives[0], config).squeeze(1) * there[0],
        _pairwise(positive, negatives[1][query_clip], config).squeeze(1) * there[1][query_clip],
    )
