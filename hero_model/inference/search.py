"""HERO without the platform: encode clips, search moments with a sentence, answer questions.

search = HeroSearch.from_pretrained("models")
search.encode({"a": features}, {"a": [(0.0, 2.5, "first sentence"), ...]})
search.search("somebody opens the door", k=3)
search.answer("What does she open?", ["a door", "a book"], video="a")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import PreTrainedTokenizerBase

from evaluation.io.atomic import atomic_file
from evaluation.metrics.nms import nms
from evaluation.release import Release
from hero_model.checkpoints.model_folder import find_model, load_model
from hero_model.checkpoints.processor import HeroProcessor, Subtitles
from hero_model.config import HeroConfig
from hero_model.data.collate import question_batch_of
from hero_model.data.dataset import Corpus
from hero_model.data.examples import Clip, word_ids
from hero_model.data.feature_file import FeatureFile
from hero_model.errors import InputError
from hero_model.inference.index import FrameIndex, encode_queries, index_clips
from hero_model.inference.retrieval import find_moments
from hero_model.models.losses import MASKED_LOGIT
from hero_model.models.moment import HeroForMomentRetrieval
from hero_model.models.qa import HeroForQuestionAnswering
from hero_model.paths import check_output_file, writing


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
    def from_pretrained(cls, folder: str | Path, device: str | torch.device = "cpu") -> HeroSearch:
        """The OUT folder of `train`, or the folder of one model, on a device. Raises InputError."""
        folder = Path(folder)
        places = {task: find_model(folder, task) for task in ("moment", "qa")}
        moment = load_model(HeroForMomentRetrieval, places["moment"]) if places["moment"] is not None else None
        qa = load_model(HeroForQuestionAnswering, places["qa"]) if places["qa"] is not None else None
        tokenizers = [loaded[1] for loaded in (moment, qa) if loaded is not None]
        if not tokenizers:
            raise InputError(
                f"{folder}: holds no model for moments or questions; expected an OUT folder of `train`, or the folder "
                "of one model"
            )
        for loaded in (moment, qa):
            if loaded is not None:
                loaded[0].to(device)  # type: ignore[arg-type]
        return cls(moment[0] if moment else None, qa[0] if qa else None, tokenizers[0])

    @classmethod
    def of_release(
        cls, folder: str | Path, release: Release, splits: Sequence[str], feature_set: str | None = None
    ) -> HeroSearch:
        """As from_pretrained, with the clips of a release's splits read and encoded. Raises InputError."""
        search = cls.from_pretrained(folder)
        search.hold(Corpus(release, splits, search.tokenizer, search.config, feature_set).clips)
        return search

    @property
    def config(self) -> HeroConfig:
        model = self.moment or self.qa
        assert model is not None
        return model.config

    @property
    def processor(self) -> HeroProcessor:
        return HeroProcessor(self.tokenizer, self.config)

    def encode(self, video_features: Mapping[str, np.ndarray], subtitles: Mapping[str, Subtitles]) -> None:
        """Read clips, in place of those read before.

        video_features: {video: float32 [frames, feature size]}, one frame per config.frame_interval seconds.
        subtitles: {video: [(start, end, text)]} in seconds; a video may have none. Raises InputError.
        """
        self.hold(self.processor.clips(video_features, subtitles))

    def hold(self, clips: dict[str, Clip]) -> None:
        """Encode clips that are read already, in place of those held before."""
        if self.moment is not None:
            with torch.inference_mode():
                self.index = index_clips(self.moment, list(clips.values()))
        self.clips, self.names = clips, list(clips)

    def search(self, query: str, k: int = 10) -> list[Moment]:
        """The k best moments for a sentence, overlapping ones of one video suppressed. Raises InputError."""
        if self.moment is None or self.index is None:
            raise InputError("searching needs a moment model and encoded clips")
        if not isinstance(query, str) or not query.strip():
            raise InputError(f"a search needs a query in words, got {query!r}")
        if not isinstance(k, int) or k < 1:
            raise InputError(f"k must be a whole number of at least 1, got {k!r}")
        with torch.inference_mode():
            vector = encode_queries(self.moment, [word_ids(query, self.tokenizer)])
            found, _, _ = find_moments(vector, self.index, self.moment.moment_head)
        found = found.to("cpu")
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
        asked = self.processor.question(question, options, video or "")
        if video is None:
            video = self._best_video(question)
        if video not in self.clips:
            raise InputError(f"video {video!r} is not encoded; there are: {', '.join(self.clips)}")
        batch = question_batch_of([replace(asked, clip=video)], self.clips, self.qa.config, [np.arange(len(options))])
        with torch.inference_mode():
            out = self.qa(batch.to(self.qa.device))
        probabilities = out.logits[0].softmax(0).tolist()
        start, end = out.span_logits[0].masked_fill(~out.mask[0][:, None], MASKED_LOGIT).softmax(0).unbind(1)
        pairs = torch.triu(start[:, None] * end)  # end is not before start
        first, last = divmod(int(pairs.argmax()), len(start))
        interval = self.config.frame_interval
        moment = Moment(video, first * interval, (last + 1) * interval, float(pairs.max()))
        best = int(np.argmax(probabilities))
        return Answer(options[best], dict(zip(options, probabilities, strict=True)), moment)

    def _best_video(self, question: str) -> str:
        if len(self.clips) == 1:
            return next(iter(self.clips))
        found = self.search(question, k=1)
        if not found:
            raise InputError(f"a search for {question!r} finds no moment; name the video")
        return found[0].video

    def save_index(self, path: Path) -> None:
        """Frame vectors of the encoded clips as one safetensors file, {video: float32 [frames, D]}.

        Raises InputError where it cannot be written.
        """
        if self.index is None:
            raise InputError("nothing to save: no clips were encoded with a moment model")
        check_output_file(path)
        vectors = {
            name: self.index.frames[row][self.index.mask[row]].cpu().numpy() for row, name in enumerate(self.names)
        }
        metadata = {"interval_s": str(self.config.frame_interval), "dim": str(self.index.frames.shape[2])}
        with writing(path), atomic_file(path) as unfinished:
            save_file(vectors, unfinished, metadata=metadata)

    def load_index(self, path: Path) -> None:
        """Frame vectors that save_index wrote, so that clips need not be encoded again. Raises InputError."""
        if self.moment is None:
            raise InputError("an index serves a moment model, and there is none")
        source = FeatureFile.open(path, "an index, as `encode` writes them")
        source.check(self.moment.vector_size, self.config.frame_interval)
        vectors = [torch.from_numpy(array) for array in source.read(source.names).values()]
        padded = torch.nn.utils.rnn.pad_sequence(vectors, batch_first=True)
        lengths = torch.tensor([len(own) for own in vectors])
        self.names = source.names
        mask = torch.arange(padded.shape[1]) < lengths[:, None]
        place = self.moment.device
        self.index = FrameIndex.of(padded.to(place), mask.to(place), self.moment.moment_head)
