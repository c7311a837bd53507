"""The authors' code beside ours: their model and their collation on the same clips, for `benchmarks.hero --peer`.

DIR is a checkout of their repository (github.com/linjieli222/HERO). It was written for apex, horovod and LMDB; those
are stood in for by what they are on one CPU: plain LayerNorm, a world of one process, and nothing.
"""

import importlib
import random
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

from hero_model.data.examples import Clip, Ids

CLS, SEP = 0, 2  # RoBERTa's
RETRIEVAL_WEIGHTS = {"lw_neg_ctx": 8, "lw_neg_q": 8, "lw_st_ed": 0.01}  # of their configuration


class Peer:
    """Their pre-training model at full size and steps of it."""

    def __init__(self, checkout: Path, feature_size: int, frames: int) -> None:
        stand_in()
        sys.path.insert(0, str(checkout))
        self.data, pretrain = importlib.import_module("data"), importlib.import_module("model.pretrain")
        kind = pretrain.HeroForPretraining
        self.model: Any = kind.from_pretrained(
            str(checkout / "config" / "hero_pretrain.json"), {}, vfeat_dim=feature_size, max_frm_seq_len=frames,
            drop_svmr_prob=0.0, **RETRIEVAL_WEIGHTS,
        )  # fmt: skip
        self.model.v_encoder.init_type_embedding()  # words and frames: their loading of RoBERTa does it
        self.model.train()

    def steps(
        self,
        clips: Sequence[Clip],
        hidden_words: Sequence[Sequence[Ids]],
        hidden_frames: Sequence[np.ndarray],
        moved: Sequence[tuple[Ids, Ids]],
        queries: Sequence[Sequence[int]],
    ) -> dict[str, Callable[[], None]]:
        """A training step of each objective, with the same words, frames and queries chosen as in ours."""
        read = [self._read(clip) for clip in clips]
        masks = [torch.from_numpy(hidden) for hidden in hidden_frames]
        batches = {
            "mlm": self.data.mlm_collate([self._masked(*pair) for pair in zip(clips, hidden_words, strict=True)]),
            "mfm-nce": self.data.mfm_collate(
                [
                    (own, self._per_sentence(clip, mask), mask)
                    for own, clip, mask in zip(read, clips, masks, strict=True)
                ]
            ),
            "fom": self.data.fom_collate(
                [
                    (own, *order_of(len(clip.features), *pair))
                    for own, clip, pair in zip(read, clips, moved, strict=True)
                ]
            ),
            "vsm": self.data.vsm_collate(
                [
                    (self._read(clip, chosen), clip.name, tuple(asked(clip, s) for s in chosen))
                    for clip, chosen in zip(clips, queries, strict=True)
                ]
            ),
        }
        return {task: lambda t=task, b=batch: self._step(t, b) for task, batch in batches.items()}

    def _step(self, task: str, batch: dict[str, Any]) -> None:
        given = {name: value.clone() if isinstance(value, torch.Tensor) else value for name, value in batch.items()}
        loss = self.model(given, task=task)
        (sum(loss) if isinstance(loss, tuple) else loss.mean()).sum().backward()
        self.model.zero_grad(set_to_none=True)

    @staticmethod
    def _read(clip: Clip, gone: Iterable[int] = ()) -> tuple[Any, ...]:
        """What their VideoFeatSubTokDataset gives of a clip; the words of `gone` sentences are left out."""
        features, words, seen, masks = torch.from_numpy(clip.features), [], [], []
        for s, (sentence, frames) in enumerate(zip(clip.sentences, clip.frames, strict=True)):
            words.append(torch.tensor([SEP] + ([] if s in set(gone) else sentence.tolist())))
            seen.append(features[torch.from_numpy(frames)] if len(frames) else torch.zeros(1, features.shape[1]))
            masks.append(torch.ones(len(words[-1]) + len(seen[-1]), dtype=torch.long))
            masks[-1][0] = int(len(frames) > 0)
        pairs = [(s, frames.tolist()) for s, frames in enumerate(clip.frames)]
        return words, seen, masks, features, torch.ones(len(features), dtype=torch.long), len(clip.sentences), pairs

    @staticmethod
    def _masked(clip: Clip, hidden: Sequence[Ids]) -> list[tuple[Any, ...]]:
        """What their VideoMlmDataset gives of a clip."""
        _, seen, masks, *_ = Peer._read(clip)
        rows = []
        for sentence, places, frames, mask in zip(clip.sentences, hidden, seen, masks, strict=True):
            labels = torch.full((len(sentence) + 1,), -1)
            labels[torch.from_numpy(places + 1)] = torch.from_numpy(sentence[places])
            target = torch.cat([torch.zeros(len(frames), dtype=torch.bool), labels != -1])
            rows.append((torch.tensor([CLS, *sentence.tolist()]), frames, mask, target, labels))
        return rows

    @staticmethod
    def _per_sentence(clip: Clip, mask: torch.Tensor) -> list[torch.Tensor]:
        return [mask[torch.from_numpy(own)] if len(own) else torch.zeros(1, dtype=torch.bool) for own in clip.frames]


def order_of(count: int, before: Ids, after: Ids) -> tuple[torch.Tensor, torch.Tensor]:
    """Their two lists of frame order: the new place of each frame, and at each place the frame that moved there."""
    order, target = torch.arange(count), torch.full((count,), -1)
    order[torch.from_numpy(before)] = torch.from_numpy(after)
    target[torch.from_numpy(after)] = torch.from_numpy(before)
    return order, target


def asked(clip: Clip, sentence: int) -> tuple[Any, ...]:
    """A sentence as their query, with its frames."""
    words = torch.tensor([CLS, *clip.sentences[sentence].tolist()])
    first, last = int(clip.frames[sentence][0]), int(clip.frames[sentence][-1])
    span = torch.tensor([first, min(max(first + 1, last), len(clip.features) - 1)])
    return words, torch.ones(len(words), dtype=torch.long), clip.name, span


def stand_in() -> None:
    """Modules under the names that their code imports."""
    random.seed(0)

    def module(name: str, **content: Any) -> None:
        found = ModuleType(name)
        found.__dict__.update(content)
        sys.modules[name] = found
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, found)

    def nothing(*_: Any, **__: Any) -> None:
        raise NotImplementedError("not needed on one CPU, and not there")

    module("apex", amp=None)
    module("apex.normalization")
    module("apex.normalization.fused_layer_norm", FusedLayerNorm=nn.LayerNorm)
    module("horovod")
    one = {"size": lambda: 1, "local_size": lambda: 1, "rank": lambda: 0}
    same = {"allgather": lambda tensor: tensor, "allgather_async": lambda tensor, _: tensor, "synchronize": lambda t: t}
    module("horovod.torch", **one, **same)
    module("toolz")
    module("toolz.sandbox", unzip=lambda rows: map(list, zip(*rows, strict=True)))
    module("cytoolz", concat=lambda parts: [entry for part in parts for entry in part])
    module("lmdb", open=nothing)
    module("lz4")
    module("lz4.frame", compress=nothing, decompress=nothing)
    module("msgpack", loads=nothing, dumps=nothing)
    module("msgpack_numpy", patch=lambda: None)
    module("tensorboardX", SummaryWriter=nothing)
