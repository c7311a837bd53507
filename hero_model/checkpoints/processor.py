"""Features, subtitles and questions as somebody has them -> the batches that the models take.

`AutoProcessor` finds it in a model's folder once this module is imported. Beside its tokenizer it is the model's
configuration, and that is read from config.json alone; processor_config.json holds the name of the class.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoProcessor, PreTrainedTokenizerBase, ProcessorMixin

from evaluation.release import SubtitleLine
from hero_model.checkpoints.config_file import CONFIG, read_config
from hero_model.checkpoints.text_encoder import load_tokenizer
from hero_model.config import HeroConfig
from hero_model.data.batches import ClipBatch, MatchBatch, QuestionBatch
from hero_model.data.collate import clip_batch, moment_batch, question_batch_of
from hero_model.data.examples import Clip, Question, make_clip, warn_of_long_clips, word_ids
from hero_model.data.feature_file import check_features
from hero_model.data.subtitles import check_subtitle, check_times
from hero_model.errors import InputError

Subtitles = Sequence[tuple[float, float, str]]  # (start, end, text), seconds
UNKNOWN = (-1, -1)  # the span of a query whose truth nobody gave
PLACES = ("cache_dir", "force_download", "local_files_only", "token", "revision", "subfolder")  # of a hub's files


class HeroProcessor(ProcessorMixin):
    """The tokenizer and the configuration of a model."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, config: HeroConfig) -> None:
        super().__init__(tokenizer)
        if not isinstance(config, HeroConfig):
            raise InputError(f"a processor's configuration is a {type(config).__name__}, expected a HeroConfig")
        self.config = config

    def __call__(
        self,
        features: Mapping[str, np.ndarray],
        subtitles: Mapping[str, Subtitles] | None = None,
        queries: Sequence[tuple[str, str]] | None = None,
        questions: Sequence[tuple[str, str, Sequence[str]]] | None = None,
    ) -> ClipBatch | MatchBatch | QuestionBatch:
        """A batch of the clips for HeroModel; with queries for moment retrieval, with questions for QA.

        features: {video: [frames, size]}, one frame per config.frame_interval seconds; subtitles: {video:
        [(start, end, text)]} in seconds. queries: (video, sentence), its span and so its loss unknown; questions:
        (video, question, options), all with as many options, the answer unknown. Raises InputError.
        """
        if queries is not None and questions is not None:
            raise InputError("queries and questions are for different models; give one of the two")
        clips = self.clips(features, subtitles if subtitles is not None else {})
        if queries is not None:
            return self._match(clips, queries)
        if questions is not None:
            return self._ask(clips, questions)
        return clip_batch(list(clips.values()), self.config)

    def clips(self, features: Mapping[str, np.ndarray], subtitles: Mapping[str, Subtitles]) -> dict[str, Clip]:
        """The clips of features and subtitles as `__call__` takes them, by name. Raises InputError."""
        for given, name in ((features, "features"), (subtitles, "subtitles")):
            if not isinstance(given, Mapping) or not all(isinstance(video, str) for video in given):
                raise InputError(f"{name} must be a mapping whose keys are names of videos")
        if not features:
            raise InputError("no videos to encode")
        unknown = sorted(set(subtitles) - set(features))
        if unknown:
            raise InputError(f"subtitles: video {unknown[0]!r} is none of those with features")
        size = self.config.feature_size
        arrays = {name: check_features(given, size, f"video {name!r}") for name, given in features.items()}
        spoken = {name: subtitle_lines(given, f"video {name!r}") for name, given in subtitles.items()}
        seconds = {name: len(array) * self.config.frame_interval for name, array in arrays.items()}
        check_times(spoken, seconds, "subtitles")
        warn_of_long_clips({name: len(array) for name, array in arrays.items()}, self.config)
        return {
            name: make_clip(name, array, spoken.get(name, []), self.tokenizer, self.config)
            for name, array in arrays.items()
        }

    def question(self, question: str, options: Sequence[str], video: str, where: str = "") -> Question:
        """A question of which nobody knows the answer. where: what a refusal begins with. Raises InputError."""
        if not all(isinstance(text, str) for text in (question, *options)):
            raise InputError(f"{where}a question and its options must be strings")
        if len(options) < 2:
            raise InputError(f"{where}a question needs at least two options, got {len(options)}")
        repeated = [option for place, option in enumerate(options) if option in options[:place]]
        if repeated:
            raise InputError(f"{where}option {repeated[0]!r} is given a second time")
        choices = tuple(word_ids(option, self.tokenizer) for option in options)
        return Question(0, word_ids(question, self.tokenizer), choices, video, UNKNOWN, -1)

    def _match(self, clips: dict[str, Clip], queries: Sequence[tuple[str, str]]) -> MatchBatch:
        for place, row in enumerate(_rows(queries, "queries", "(video, sentence)", 2, clips)):
            if not isinstance(row[1], str) or not row[1].strip():
                raise InputError(f"queries[{place}]: expected a sentence in words, got {row[1]!r}")
        names = list(clips)
        words = [word_ids(sentence, self.tokenizer) for _, sentence in queries]
        owners = [names.index(video) for video, _ in queries]
        return moment_batch(list(clips.values()), words, owners, [UNKNOWN] * len(words), self.config)

    def _ask(self, clips: dict[str, Clip], questions: Sequence[tuple[str, str, Sequence[str]]]) -> QuestionBatch:
        asked = []
        for place, row in enumerate(_rows(questions, "questions", "(video, question, options)", 3, clips)):
            video, question, options = row
            if isinstance(options, str) or not isinstance(options, Sequence):
                raise InputError(f"questions[{place}]: options are a {type(options).__name__}, expected a list")
            asked.append(self.question(question, options, video, f"questions[{place}]: "))
            if len(options) != len(asked[0].options):
                raise InputError(
                    f"questions[{place}]: has {len(options)} options, the first of the batch {len(asked[0].options)}"
                )
        orders = [np.arange(len(question.options)) for question in asked]
        return question_batch_of(asked, clips, self.config, orders)

    def to_dict(self) -> dict[str, Any]:
        """Without the configuration, which config.json holds."""
        return {name: value for name, value in super().to_dict().items() if name != "config"}

    def save_pretrained(self, save_directory: str | PathLike[str], push_to_hub: bool = False, **kwargs: Any) -> None:
        """The tokenizer, the class's name, and config.json where no model has written one."""
        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / CONFIG).exists():
            self.config.save_pretrained(folder)
        super().save_pretrained(save_directory, push_to_hub, **kwargs)

    @classmethod
    def _load_tokenizer_from_pretrained(
        cls,
        sub_processor_type: str,
        pretrained_model_name_or_path: str | PathLike[str],
        subfolder: str = "",
        **kwargs: Any,
    ) -> PreTrainedTokenizerBase:
        folder = Path(pretrained_model_name_or_path)
        if folder.is_dir():
            return load_tokenizer(folder / subfolder)
        return super()._load_tokenizer_from_pretrained(
            sub_processor_type, pretrained_model_name_or_path, subfolder, **kwargs
        )

    @classmethod
    def _get_arguments_from_pretrained(
        cls, pretrained_model_name_or_path: str | PathLike[str], *args: Any, **kwargs: Any
    ) -> list[Any]:
        """What `from_pretrained` makes a processor of: the tokenizer, and the configuration beside it."""
        folder = Path(pretrained_model_name_or_path)
        if folder.is_dir():
            read_config(folder / kwargs.get("subfolder", ""))
        found = super()._get_arguments_from_pretrained(pretrained_model_name_or_path, *args, **kwargs)
        places = {name: kwargs[name] for name in PLACES if name in kwargs}
        return [*found, HeroConfig.from_pretrained(pretrained_model_name_or_path, **places)]


AutoProcessor.register(HeroConfig, HeroProcessor, exist_ok=True)


def subtitle_lines(given: Subtitles, video: str) -> list[SubtitleLine]:
    """Raises InputError that names the entry which is no (start, end, text)."""
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise InputError(f"{video}: subtitles are a {type(given).__name__}, expected a list of (start, end, text)")
    found = []
    for place, entry in enumerate(given):
        where = f"{video}: subtitle {place}"
        if not isinstance(entry, tuple | list) or len(entry) != 3:
            raise InputError(f"{where}: is {entry!r}, expected (start, end, text)")
        start, end, text = entry
        found.append(check_subtitle(SubtitleLine(text, start, end), where))
    return found


def _rows(given: Sequence[Any], name: str, form: str, size: int, clips: Mapping[str, Clip]) -> Sequence[Any]:
    """Raises InputError unless there is a row, and each has so many fields, the first a clip's name."""
    if isinstance(given, str) or not isinstance(given, Sequence) or not given:
        raise InputError(f"{name}: expected a list of {form}, at least one")
    for place, row in enumerate(given):
        if not isinstance(row, tuple | list) or len(row) != size:
            raise InputError(f"{name}[{place}]: is {row!r}, expected {form}")
        if row[0] not in clips:
            raise InputError(f"{name}[{place}]: video {row[0]!r} has no features; there are: {', '.join(clips)}")
    return given
