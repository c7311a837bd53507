"""HERO without the platform: encode clips, search moments with a sentence, answer questions.

search = HeroSearch.from_pretrained("models")
search.encode({"a": features}, {"a": [(0.0, 2.5, "first sentence"), ...]})
search.search("somebody opens the door", k=3)
search.answer("What does she open?", ["a door", "a book"], video="a")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from transformers import PreTrainedTokenizerBase

from evaluation.release import SubtitleLine
from evaluation.temporal import nms
from hero_model.collate import Clip
from hero_model.config import HeroConfig
from hero_model.data import Question, check_features, make_clip, word_ids
from hero_model.errors import InputError
from hero_model.moment import HeroForMomentRetrieval
from hero_model.predict import encode_queries, index_clips
from hero_model.qa import HeroForQuestionAnswering
from hero_model.retrieval import FrameIndex, find_moments
from hero_model.stages import question_batch_of
from hero_model.train import load_model

Subtitles = Sequence[tuple[float, float, str]]  # (start, end, text), seconds


@dataclass(frozen=True)
class Moment:
    """A span of a video in seconds; a larger score is a better match."""

    video: str
    start: float
    end: float
    score: float


@dataclass(frozen=True)
class Answer:
    """The chosen option, the probability of each option, and where in the video the model looked."""

    option: str
    probabilities: dict[str, float]
    moment: Moment


@dataclass
class HeroSearch:
    """A moment model, a QA model, or both, and the clips that were encoded."""

    moment: HeroForMomentRetrieval | None
    qa: HeroForQuestionAnswering | None
    tokenizer: PreTrainedTokenizerBase
    clips: dict[str, Clip] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    index: FrameIndex | None = None

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> HeroSearch:
        """The OUT folder of `train`, or the folder of one model. Raises InputError."""
        folder = Path(folder)
        kinds = {"moment": HeroForMomentRetrieval, "qa": HeroForQuestionAnswering}
        found = {name: folder / name for name in kinds if (folder / name / "config.json").exists()}
        if not found:
            try:
                saved = msgspec.json.decode((folder / "config.json").read_bytes())["architectures"]
            except (OSError, msgspec.DecodeError, KeyError) as error:
                raise InputError(f"{folder}: holds no model of `train` ({error})") from error
            found = {name: folder for name, kind in kinds.items() if kind.__name__ in saved}
        if not found:
            raise InputError(f"{folder}: holds neither a moment model nor a QA model")
        loaded = {name: load_model(kinds[name], path) for name, path in found.items()}
        moment = loaded["moment"][0] if "moment" in loaded else None
        qa = loaded["qa"][0] if "qa" in loaded else None
        assert moment is None or isinstance(moment, HeroForMomentRetrieval)
        assert qa is None or isinstance(qa, HeroForQuestionAnswering)
        return cls(moment, qa, next(iter(loaded.values()))[1])

    @property
    def config(self) -> HeroConfig:
        model = self.moment or self.qa
        assert model is not None
        return model.config

    def encode(self, video_features: Mapping[str, np.ndarray], subtitles: Mapping[str, Subtitles]) -> None:
        """Read clips, in place of those read before.

        video_features: {video: float32 [frames, feature size]}, one frame per config.frame_interval seconds.
        subtitles: {video: [(start, end, text)]} in seconds; a video may have none. Raises InputError.
        """
        if not video_features:
            raise InputError("no videos to encode")
        self.clips = {
            name: make_clip(
                name,
                check_features(np.asarray(features), self.config.feature_size, f"video {name!r}"),
                [SubtitleLine(text, start, end) for start, end, text in subtitles.get(name, [])],
                self.tokenizer,
                self.config,
            )
            for name, features in video_features.items()
        }
        self.names = list(self.clips)
        if self.moment is not None:
            with torch.inference_mode():
                self.index = index_clips(self.moment, list(self.clips.values()))

    def search(self, query: str, k: int = 10) -> list[Moment]:
        """The k best moments for a sentence, overlapping ones of one video suppressed. Raises InputError."""
        if self.moment is None or self.index is None:
            raise InputError("searching needs a moment model and encoded clips")
        if k < 1 or not query.strip():
            raise InputError("a search needs a query and k of at least 1")
        with torch.inference_mode():
            vector = encode_queries(self.moment, [word_ids(query, self.tokenizer)])
            found, _, _ = find_moments(vector, self.index, self.moment.moment_head)
        clip, score = found.clip[0].numpy(), found.score[0].double().numpy()
        interval = self.config.frame_interval
        spans = np.stack([found.first[0].numpy() * interval, (found.last[0].numpy() + 1) * interval], axis=1)
        real = score > 0
        clip, score, spans = clip[real], score[real], spans[real]
        kept = nms(clip, spans, score, threshold=self.config.nms_threshold, most=k)
        return [Moment(self.names[clip[i]], float(spans[i, 0]), float(spans[i, 1]), float(score[i])) for i in kept]

    def answer(self, question: str, options: Sequence[str], video: str | None = None) -> Answer:
        """Choose one of the options about a video.

        Without a video's name: the only one encoded, or the one that a search for the question finds first.
        Raises InputError.
        """
        if self.qa is None or not self.clips:
            raise InputError("answering needs a QA model and encoded clips")
        if len(options) < 2:
            raise InputError(f"a question needs at least two options, got {len(options)}")
        if video is None:
            video = next(iter(self.clips)) if len(self.clips) == 1 else self.search(question, k=1)[0].video
        if video not in self.clips:
            raise InputError(f"video {video!r} is not encoded; there are: {', '.join(self.clips)}")
        words, choices = word_ids(question, self.tokenizer), [word_ids(o, self.tokenizer) for o in options]
        asked = Question(0, words, tuple(choices), video, (-1, -1), -1)
        batch = question_batch_of([asked], self.clips, self.qa.config, [np.arange(len(options))])
        with torch.inference_mode():
            out = self.qa(batch)
        probabilities = out.logits[0].softmax(0).tolist()
        start, end = out.span_logits[0].masked_fill(~out.mask[0][:, None], -1e4).softmax(0).unbind(1)
        pairs = torch.triu(start[:, None] * end)  # end is not before start
        first, last = divmod(int(pairs.argmax()), len(start))
        interval = self.config.frame_interval
        moment = Moment(video, first * interval, (last + 1) * interval, float(pairs.max()))
        best = int(np.argmax(probabilities))
        return Answer(options[best], dict(zip(options, probabilities, strict=True)), moment)

    def save_index(self, path: Path) -> None:
        """Frame vectors of the encoded clips as one safetensors file, {video: float32 [frames, D]}."""
        if self.index is None:
            raise InputError("nothing to save: no clips were encoded with a moment model")
        vectors = {name: self.index.frames[row][self.index.mask[row]].numpy() for row, name in enumerate(self.names)}
        unfinished = path.with_name(path.name + ".part")
        metadata = {"interval_s": f"{self.config.frame_interval:g}", "dim": str(self.index.frames.shape[2])}
        save_file(vectors, unfinished, metadata=metadata)
        unfinished.replace(path)

    def load_index(self, path: Path) -> None:
        """Frame vectors that save_index wrote, so that clips need not be encoded again. Raises InputError."""
        try:
            with safe_open(path, "pt") as file:
                vectors = {name: file.get_tensor(name) for name in sorted(file.keys())}
        except (SafetensorError, OSError) as error:
            raise InputError(f"{path}: not a readable index: {error}") from error
        if self.moment is None:
            raise InputError("an index serves a moment model, and there is none")
        size = self.moment.vector_size
        wrong = [name for name, v in vectors.items() if v.ndim != 2 or v.shape[1] != size or not len(v)]
        if wrong or not vectors:
            raise InputError(f"{path}: expected vectors of {size} numbers for each video, not in: {wrong or 'all'}")
        self.names = list(vectors)
        padded = torch.nn.utils.rnn.pad_sequence(list(vectors.values()), batch_first=True).float()
        lengths = torch.tensor([len(v) for v in vectors.values()])
        self.index = FrameIndex.of(padded, torch.arange(padded.shape[1]) < lengths[:, None], self.moment.moment_head)
