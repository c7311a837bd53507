"""`train`: pre-training on the train clips, then moment retrieval, then question answering."""

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from transformers import PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from evaluation.release import Release
from evaluation.writing import write_whole
from hero_model.checkpoints.model_folder import KINDS, load_model, save_model
from hero_model.checkpoints.text_encoder import from_text_encoder, minilm_folder
from hero_model.cli.arguments import add_threads, whole_number
from hero_model.config import HeroConfig
from hero_model.data.dataset import Corpus, Features, open_release
from hero_model.data.schedule import Batches, moment_batches, pretraining_batches, question_batches
from hero_model.errors import InputError, refusing
from hero_model.models.hero import HeroPreTrainedModel
from hero_model.presets import PRESETS, Preset, Stage
from hero_model.training.trainer import train_stage

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

StageReport = Callable[[str, int, int, float], None]  # (stage, step, steps, loss)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release", type=Path, help="a release directory (docs/release_format.md)")
    parser.add_argument("out", type=Path, help="folder for the models; a run that was cut off goes on from it")
    parser.add_argument("--model", choices=list(STAGES), default="hero", help="which architecture (default hero)")
    parser.add_argument("--preset", choices=list(PRESETS), default="small", help="sizes and settings")
    parser.add_argument("--features", metavar="NAME", help="feature set, where the release has several")
    parser.add_argument("--seed", type=whole_number(0, 2**32 - 1), default=0, help="of all random choices (default 0)")
    add_threads(parser)
    parser.add_argument(
        "--progress-json", action="store_true", help="one JSON line per few steps on standard output, no bar"
    )


def run(args: argparse.Namespace) -> None:
    """Writes OUT/pretraining, OUT/moment and OUT/qa, each loadable by from_pretrained. Raises InputError."""
    release = open_release(args.release)
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
    begun = check_folder(args.out, asked)
    with reporter(args.progress_json) as report:
        training = Training(release, args.out, PRESETS[args.preset], args.seed, args.model, args.features, report)
        if not begun:  # only now is known that this run can be made
            args.out.mkdir(parents=True, exist_ok=True)
            write_whole(args.out / RECORD, [msgspec.json.encode(asked, order="sorted") + b"\n"])
        training.run()


def check_folder(out: Path, asked: dict[str, object]) -> bool:
    """Whether OUT holds a run that was asked for the same. Raises InputError where it holds anything else."""
    record = out / RECORD
    if record.is_file():
        with refusing(f"{record}: is no record of `train`"):
            earlier = msgspec.json.decode(record.read_bytes(), type=dict[str, Any])
        changed = [name for name, value in asked.items() if name not in earlier or earlier[name] != value]
        if changed:
            raise InputError(
                f"{out}: holds a run with another {', '.join(changed)}; give the same ones, or another folder"
            )
        return True
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file, expected a folder for the models")
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out}: is not empty and holds no run of this command; give another folder")
    return False


class Training:
    """The three stages of one run; each starts from the one before and is skipped where it has finished.

    Everything is read at the start: raises InputError where the release has nothing that this architecture can be
    trained on, or where a part of it, or of an earlier run in the folder, cannot be used.
    """

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
        stages = [stage for stage in STAGES[architecture] if stage == "pretraining" or stage in release.tasks]
        if not {"moment", "qa"} & set(stages):
            raise InputError(f"{release.root}: has no task for {architecture}")
        model, tokenizer = self._start(stages[0])
        corpus = Corpus(release, ["train"], tokenizer, model.config, feature_set)
        self.batches = {stage: self._batches(stage, model.config, corpus) for stage in stages}

    def run(self) -> None:
        for stage, batches in self.batches.items():
            if (self.out / stage).exists():
                steps = getattr(self.preset, stage).steps
                self.report(stage, steps, steps, float("nan"))
            else:
                self._stage(stage, batches)

    def _start(self, stage: str) -> tuple[HeroPreTrainedModel, PreTrainedTokenizerBase]:
        """A model with the pre-trained weights where there are some, else with those of the text encoder."""
        torch.manual_seed(self.seed)
        kind, pretrained = KINDS[stage], self.out / "pretraining"
        if pretrained.exists():
            return load_model(kind, pretrained, new_heads=stage != "pretraining")
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

    def _batches(self, stage: str, config: HeroConfig, corpus: Corpus) -> Batches:
        if stage == "moment":
            queries = [query for query in corpus.queries("train") if query.clip is not None]
            if not queries:
                raise InputError(f"{self.release.root}: no query of train has a vid_name")
            return moment_batches(corpus.clips, queries, config, self.preset.moment, self.seed)
        if stage == "qa":
            return question_batches(corpus.clips, corpus.questions("train"), config, self.preset.qa, self.seed)
        return pretraining_batches(list(corpus.clips.values()), config, self.preset, self.seed)

    def _stage(self, name: str, batches: Batches) -> None:
        model, tokenizer = self._start(name)
        stage: Stage = getattr(self.preset, name)
        train_stage(
            model,
            batches,
            stage,
            self.preset,
            checkpoint=self.out / f"{name}.checkpoint",
            seed=self.seed,
            report=lambda step, loss: self.report(name, step, stage.steps, loss),
        )
        save_model(model, tokenizer, self.out / name)


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
    progress = Progress(*columns, console=Console(stderr=True))
    bars: dict[str, int] = {}

    def report(stage: str, step: int, steps: int, loss: float) -> None:
        if not bars:  # what is refused before the first step stands alone
            progress.start()
        if stage not in bars:
            bars[stage] = progress.add_task(stage, total=steps, loss=loss)
        progress.update(bars[stage], completed=step, loss=loss)  # type: ignore[arg-type]

    try:
        yield report
    finally:
        if bars:
            progress.stop()


def json_line(stage: str, step: int, steps: int, loss: float) -> None:
    if step % STEPS_A_LINE == 0 or step == steps:
        known = None if loss != loss else round(loss, 5)
        print(json.dumps({"stage": stage, "step": step, "steps": steps, "loss": known}), flush=True)
