"""The stages of one run: pre-training, then moment retrieval, then question answering, each a folder in OUT."""

from pathlib import Path
from typing import Any

import msgspec
import torch
from transformers import PreTrainedTokenizerBase

from evaluation.io.atomic import write_atomic
from evaluation.io.errors import refusing
from evaluation.release import Release
from hero_model.checkpoints.model_folder import MODEL_CLASSES, load_model, save_model
from hero_model.checkpoints.text_encoder import from_text_encoder, minilm_folder
from hero_model.config import HeroConfig
from hero_model.data.dataset import Corpus
from hero_model.data.feature_file import FeatureFile
from hero_model.data.schedule import BatchSchedule, ClipPool, moment_batches, pretraining_batches, question_batches
from hero_model.errors import InputError
from hero_model.models.hero import HeroPreTrainedModel
from hero_model.presets import Preset, StageConfig
from hero_model.training.progress import StageReport
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


def check_folder(out: Path, asked: dict[str, object]) -> bool:
    """Whether OUT holds a run that was asked for the same. Raises InputError where it holds anything else."""
    record = out / RECORD
    if record.is_file():
        with refusing(f"{record}: is no record of `train`", InputError):
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


def write_record(out: Path, asked: dict[str, object]) -> None:
    """Make OUT and note in it what this run was asked for, so that only the same command goes on with it."""
    out.mkdir(parents=True, exist_ok=True)
    write_atomic(out / RECORD, [msgspec.json.encode(asked, order="sorted") + b"\n"])


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
        kind, pretrained = MODEL_CLASSES[stage], self.out / "pretraining"
        if pretrained.exists():
            return load_model(kind, pretrained, new_heads=stage != "pretraining")
        features = FeatureFile.of_release(self.release, self.feature_set)
        return from_text_encoder(
            kind,
            self.preset.text_encoder or minilm_folder(),
            self.preset.encoder_layers,
            architecture=self.architecture,
            feature_size=features.size,
            frame_interval=features.interval,
            **self.preset.config,
        )

    def _batches(self, stage: str, config: HeroConfig, corpus: Corpus) -> BatchSchedule:
        if stage == "moment":
            queries = [query for query in corpus.queries("train") if query.clip is not None]
            if not queries:
                raise InputError(f"{self.release.root}: no query of train has a vid_name")
            return moment_batches(corpus.clips, queries, config, self.preset.moment, self.seed)
        if stage == "qa":
            return question_batches(corpus.clips, corpus.questions("train"), config, self.preset.qa, self.seed)
        return pretraining_batches([ClipPool(list(corpus.clips.values()))], config, self.preset, self.seed)

    def _stage(self, name: str, batches: BatchSchedule) -> None:
        model, tokenizer = self._start(name)
        stage: StageConfig = getattr(self.preset, name)
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
