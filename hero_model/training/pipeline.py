"""The stages of one run: pre-training, then moment retrieval, then question answering, each a folder in OUT."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase

from evaluation.io.atomic import write_atomic
from hero_model.checkpoints.model_folder import MODEL_CLASSES, WEIGHTS, holds_reader, load_model, save_model
from hero_model.checkpoints.text_encoder import fill_reader, from_text_encoder, minilm_folder
from hero_model.config import HeroConfig
from hero_model.data.dataset import Corpus
from hero_model.data.feature_file import FeatureFile
from hero_model.data.schedule import BatchSchedule, ClipPool, moment_batches, pretraining_batches, question_batches
from hero_model.errors import InputError
from hero_model.models.hero import HeroPreTrainedModel
from hero_model.models.moment import HeroForMomentRetrieval
from hero_model.paths import writing
from hero_model.presets import StageConfig
from hero_model.training.curves import loss_curves
from hero_model.training.origin import origin
from hero_model.training.plan import Plan
from hero_model.training.progress import StageReport
from hero_model.training.record import note_weights
from hero_model.training.run_log import RunLog, Tracker
from hero_model.training.trainer import Machine, Step, Validation, train_stage

LOG, CURVES = "log.jsonl", "curves.svg"


class Training:
    """The stages of one run; each is skipped where it has finished. Fine-tuning starts from pre-training, question
    answering that matches answers from moment retrieval.

    Everything is read at the start: raises InputError where a part of a release, or of an earlier run in the folder,
    cannot be used.
    """

    def __init__(
        self, plan: Plan, out: Path, machine: Machine, report: StageReport, trackers: Sequence[Tracker] = ()
    ) -> None:
        self.plan, self.out, self.machine, self.report = plan, out, machine, report
        self.log = RunLog(out / LOG, trackers)
        for stage in plan.stages:
            machine.processes.check(self._settings(stage).accumulate, stage)
        self.pretrained = plan.pretrained or out / "pretraining"
        model, tokenizer = self._start(plan.stages[0], self.pretrained)
        self.retrieves_first = model.config.matches_answers and "moment" in plan.stages
        train = Corpus(plan.release, ["train"], tokenizer, model.config, plan.feature_set)
        more = [
            (Corpus(release, ["train"], tokenizer, model.config, plan.feature_set), weight)
            for release, weight in (plan.corpora if "pretraining" in plan.stages else ())
        ]
        self.batches = {
            stage: self._batches(stage, model.config, "train", train, self._settings(stage), more)
            for stage in plan.stages
        }
        self.validations = self._validations(model.config, tokenizer)

    def run(self) -> None:
        for stage in self.plan.stages:
            checkpoint = self.out / f"{stage}.checkpoint"
            finished = (self.out / stage).exists()
            if finished:
                steps = self._settings(stage).steps
                self.report(stage, steps, Step(steps, stage, float("nan"), 0.0))
                if self.machine.processes.leads:  # a run may have been killed before it noted them
                    note_weights(self.out, stage, self.out / stage / WEIGHTS, found=True)
                    self.log.end(stage)
            else:
                self._stage(stage, checkpoint)
            if self.machine.processes.leads:
                shutil.rmtree(checkpoint, ignore_errors=True)
                if not finished or stage == self.plan.stages[-1]:  # killed before, the last stage has not been drawn
                    self._draw()
            self.machine.processes.wait()  # the next stage begins with what the leading process has written

    def _draw(self) -> None:
        rows = self.log.rows()
        if rows:
            picture = loss_curves(rows).encode()
            with writing(self.out / CURVES):
                write_atomic(self.out / CURVES, [picture])

    def _settings(self, stage: str) -> StageConfig:
        return getattr(self.plan.preset, stage)

    def _start(self, stage: str, folder: Path) -> tuple[HeroPreTrainedModel, PreTrainedTokenizerBase]:
        """A model with the weights in the folder where there is one, else with those of the text encoder."""
        plan = self.plan
        torch.manual_seed(plan.seed)
        kind = MODEL_CLASSES[stage]
        encoder = plan.preset.text_encoder if plan.preset.text_encoder is not None else minilm_folder()
        if folder.exists():
            model, tokenizer = load_model(kind, folder, new_heads=stage != "pretraining")
            if model.config.architecture != plan.architecture:
                raise InputError(f"{folder}: is a model {model.config.architecture}, asked for {plan.architecture}")
            if isinstance(model, HeroForMomentRetrieval) and not holds_reader(folder):
                fill_reader(model, encoder)
            return model, tokenizer
        features = FeatureFile.of_release(plan.release, plan.feature_set)
        return from_text_encoder(
            kind,
            encoder,
            plan.preset.encoder_layers,
            architecture=plan.architecture,
            feature_size=features.size,
            frame_interval=features.interval,
            **plan.preset.config,
        )

    def _batches(
        self,
        stage: str,
        config: HeroConfig,
        split: str,
        corpus: Corpus,
        settings: StageConfig,
        more: list[tuple[Corpus, float]],
    ) -> BatchSchedule:
        seed = self.plan.seed
        if stage == "moment":
            queries = [query for query in corpus.queries(split) if query.clip is not None]
            if not queries:
                raise InputError(f"{self.plan.release.root}: no query of {split} has a vid_name")
            return moment_batches(corpus.clips, queries, config, settings, seed)
        if stage == "qa":
            return question_batches(corpus.clips, corpus.questions(split), config, settings, seed)
        pools = [ClipPool(list(own.clips.values()), weight) for own, weight in [(corpus, 1.0), *more]]
        return pretraining_batches(pools, config, replace(self.plan.preset, pretraining=settings), seed)

    def _validations(self, config: HeroConfig, tokenizer: PreTrainedTokenizerBase) -> dict[str, Validation]:
        """One round through val's clips for each stage that asks for it, and for each objective of pre-training."""
        plan = self.plan
        asking = [stage for stage in plan.stages if self._settings(stage).validate_every]
        if not asking:
            return {}
        val = Corpus(plan.release, ["val"], tokenizer, config, plan.feature_set)
        found = {}
        for stage in asking:
            settings = replace(self._settings(stage), accumulate=1)
            rounds = len(plan.preset.task_ratio) if stage == "pretraining" else 1
            count = rounds * max(1, round(len(val.clips) / settings.clips))
            settings = replace(settings, steps=max(count, settings.steps))
            found[stage] = Validation(self._batches(stage, config, "val", val, settings, []), count)
        return found

    def _stage(self, name: str, checkpoint: Path) -> None:
        preset, folder = self.plan.preset, self.pretrained
        if name == "qa" and self.retrieves_first:  # at its full rate a few questions, known by heart, undo retrieval
            preset, folder = replace(preset, encoder_parts=("hero.", "moment_head.")), self.out / "moment"
        model, tokenizer = self._start(name, folder)
        stage = self._settings(name)

        def report(step: Step) -> None:
            told = step if name == "pretraining" else replace(step, task=name)
            if self.machine.processes.leads:
                self.report(name, stage.steps, told)
                self.log.write(name, stage.steps, told)

        try:
            kept_step = train_stage(
                model,
                self.batches[name],
                stage,
                preset,
                checkpoint,
                self.plan.seed,
                report,
                self.machine,
                self.validations.get(name),
            )
        finally:
            if self.machine.processes.leads:  # before the model's folder is there: a finished stage is told whole
                self.log.end(name)
        if self.machine.processes.leads:
            made = origin(self.plan, name, folder, kept_step)
            save_model(model.cpu(), tokenizer, self.out / name, made)
            note_weights(self.out, name, self.out / name / WEIGHTS)
