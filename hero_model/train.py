"""`train`: pre-training on the train clips, then moment retrieval, then question answering."""

import argparse
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar, cast

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors import SafetensorError
from transformers import PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from evaluation.release import Release
from hero_model.config import HeroConfig
from hero_model.data import Corpus, Features, open_release
from hero_model.errors import InputError
from hero_model.modeling import HeroPreTrainedModel
from hero_model.moment import HeroForMomentRetrieval
from hero_model.presets import PRESETS, Preset, Stage
from hero_model.pretraining import HeroForPretraining
from hero_model.qa import HeroForQuestionAnswering
from hero_model.stages import Batches, moment_batches, pretraining_batches, question_batches
from hero_model.text_encoder import from_text_encoder, load_tokenizer, minilm_folder
from hero_model.trainer import train_stage

# what each architecture is trained on, in order; the paper trains F-TRM, XML and STAGE without pre-training
STAGES = {
    "hero": ("pretraining", "moment", "qa"),
    "h_trm": ("pretraining", "moment", "qa"),
    "f_trm": ("moment", "qa"),
    "xml": ("moment",),
    "stage": ("qa",),
}
RECORD = "run.json"
STEPS_A_LINE = 5  # of --progress-json

KINDS: dict[str, type[HeroPreTrainedModel]] = {
    "pretraining": HeroForPretraining,
    "moment": HeroForMomentRetrieval,
    "qa": HeroForQuestionAnswering,
}
Model = TypeVar("Model", bound=HeroPreTrainedModel)
StageReport = Callable[[str, int, int, float], None]  # (stage, step, steps, loss)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release", type=Path, help="a release directory (docs/release_format.md)")
    parser.add_argument("out", type=Path, help="folder for the models; a run that was cut off goes on from it")
    parser.add_argument("--model", choices=list(STAGES), default="hero", help="which architecture (default hero)")
    parser.add_argument("--preset", choices=list(PRESETS), default="small", help="sizes and settings")
    parser.add_argument("--features", metavar="NAME", help="feature set, where the release has several")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default 2)")
    parser.add_argument(
        "--progress-json", action="store_true", help="one JSON line per few steps on standard output, no bar"
    )


def run(args: argparse.Namespace) -> None:
    """Writes OUT/pretraining, OUT/moment and OUT/qa, each loadable by from_pretrained. Raises InputError."""
    release = open_release(args.release)
    if args.threads < 1:
        raise InputError(f"--threads must be at least 1, got {args.threads}")
    torch.set_num_threads(args.threads)
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    asked = {
        "release": release.manifest_sha256,
        "model": args.model,
        "preset": args.preset,
        "features": args.features,
        "seed": args.seed,
    }
    prepare_folder(args.out, asked)
    with reporter(args.progress_json) as report:
        Training(release, args.out, PRESETS[args.preset], args.seed, args.model, args.features, report).run()


def prepare_folder(out: Path, asked: dict[str, object]) -> None:
    """Make OUT, or see that an earlier run in it was asked for the same. Raises InputError."""
    record = out / RECORD
    if record.exists():
        earlier = json.loads(record.read_text())
        changed = [name for name, value in asked.items() if earlier.get(name) != value]
        if changed:
            raise InputError(
                f"{out}: holds a run with another {', '.join(changed)}; give the same ones, or another folder"
            )
        return
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out}: is not empty and holds no run of this command; give another folder")
    out.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(asked, sort_keys=True) + "\n")


class Training:
    """The three stages of one run; each starts from the one before and is skipped where it has finished."""

    def __init__(
        self,
        release: Release,
        out: Path,
        preset: Preset,
        seed: int,
        architecture: str,
        feature_set: str | None,
        report: StageReport,
    ) -> None:
        self.release, self.out, self.preset, self.seed = release, out, preset, seed
        self.architecture, self.feature_set, self.report = architecture, feature_set, report

    def run(self) -> None:
        """Raises InputError where the release has nothing that this architecture can be trained on."""
        stages = [stage for stage in STAGES[self.architecture] if stage == "pretraining" or stage in self.release.tasks]
        if not {"moment", "qa"} & set(stages):
            raise InputError(f"{self.release.root}: has no task for {self.architecture}")
        corpus = None
        for stage in stages:
            model, tokenizer = self._start(KINDS[stage])
            if corpus is None:
                corpus = Corpus(self.release, ["train"], tokenizer, model.config, self.feature_set)
            self._stage(stage, model, tokenizer, corpus)

    def _start(self, kind: type[HeroPreTrainedModel]) -> tuple[HeroPreTrainedModel, PreTrainedTokenizerBase]:
        """A model with the pre-trained weights where there are some, else with those of the text encoder."""
        torch.manual_seed(self.seed)
        pretrained = self.out / "pretraining"
        if pretrained.exists():
            return kind.from_pretrained(pretrained), load_tokenizer(pretrained)
        features = Features.of_release(self.release, self.feature_set)
        return from_text_encoder(
            kind,
            self.preset.text_encoder or minilm_folder(),
            self.preset.encoder_layers,
            architecture=self.architecture,
            feature_size=features.size,
            frame_interval=features.interval,
            **self.preset.config,
        )

    def _batches(self, name: str, config: HeroConfig, corpus: Corpus) -> Batches:
        if name == "moment":
            return moment_batches(corpus.clips, corpus.queries("train"), config, self.preset.moment, self.seed)
        if name == "qa":
            return question_batches(corpus.clips, corpus.questions("train"), config, self.preset.qa, self.seed)
        return pretraining_batches(list(corpus.clips.values()), config, self.preset, self.seed)

    def _stage(self, name: str, model: HeroPreTrainedModel, tokenizer: PreTrainedTokenizerBase, corpus: Corpus) -> None:
        finished = self.out / name
        stage: Stage = getattr(self.preset, name)
        if finished.exists():
            self.report(name, stage.steps, stage.steps, float("nan"))
            return
        train_stage(
            model,
            self._batches(name, model.config, corpus),
            stage,
            self.preset,
            checkpoint=self.out / f"{name}.checkpoint",
            seed=self.seed,
            report=lambda step, loss: self.report(name, step, stage.steps, loss),
        )
        save_model(model, tokenizer, finished)


def save_model(model: HeroPreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Weights, configuration and tokenizer; the folder appears whole or not at all."""
    unfinished = folder.with_name(folder.name + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    model.save_pretrained(unfinished)
    tokenizer.save_pretrained(unfinished)
    unfinished.rename(folder)


def load_model(kind: type[Model], folder: Path) -> tuple[Model, PreTrainedTokenizerBase]:
    """A saved model, ready to predict, and its tokenizer.

    Raises InputError, also where the file lacks a weight, which the library alone would start at random.
    """
    try:
        model, report = cast(tuple[Model, dict[str, set[str]]], kind.from_pretrained(folder, output_loading_info=True))
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise InputError(f"{folder}: no finished model of `train` can be loaded from it: {error}") from error
    if report["missing_keys"]:
        raise InputError(f"{folder}: the model file lacks {', '.join(sorted(report['missing_keys']))}")
    return model.eval(), load_tokenizer(folder)


@contextmanager
def reporter(as_json: bool) -> Iterator[StageReport]:
    """A progress bar on standard error, or JSON lines {"stage", "step", "steps", "loss"} on standard output."""
    if as_json:
        yield json_line
        return
    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bars: dict[str, int] = {}

        def report(stage: str, step: int, steps: int, loss: float) -> None:
            if stage not in bars:
                bars[stage] = progress.add_task(stage, total=steps, loss=loss)
            progress.update(bars[stage], completed=step, loss=loss)  # type: ignore[arg-type]

        yield report


def json_line(stage: str, step: int, steps: int, loss: float) -> None:
    if step % STEPS_A_LINE == 0 or step == steps:
        known = None if loss != loss else round(loss, 5)
        print(json.dumps({"stage": stage, "step": step, "steps": steps, "loss": known}), flush=True)
