"""What one run is to do: the preset with the changes that were asked for, the stages, the corpora, the start."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from evaluation.io.digest import file_sha256
from evaluation.io.errors import refusing
from evaluation.release import Release
from hero_model.checkpoints.model_folder import WEIGHTS
from hero_model.errors import InputError
from hero_model.presets import MODEL_SETTINGS, OBJECTIVES, PRESETS, STAGE_NAMES, Preset, Share

MODEL = "model"  # in place of a stage in `--set`
LEAST_WEIGHT, MOST_WEIGHT = 1e-6, 1e6  # two are multiplied and all are summed: nothing overflows or vanishes

# what each architecture is trained on, in order; the paper trains F-TRM, XML and STAGE without pre-training
STAGES = {
    "hero": ("pretraining", "moment", "qa"),
    "h_trm": ("pretraining", "moment", "qa"),
    "f_trm": ("moment", "qa"),
    "xml": ("moment",),
    "stage": ("qa",),
}


@dataclass(frozen=True)
class Plan:
    """A run, before anything is read but the releases' manifests."""

    release: Release
    architecture: str
    preset_name: str
    preset: Preset
    seed: int
    feature_set: str | None = None
    pretrained: Path | None = None  # what fine-tuning starts from, in place of pre-training
    corpora: tuple[tuple[Release, float], ...] = ()  # more clips for pre-training, and their weight beside 1
    without_pretraining: bool = False
    bf16: bool = False

    @property
    def stages(self) -> tuple[str, ...]:
        """Raises InputError where the release has nothing that this architecture can be trained on."""
        skipped = self.without_pretraining or self.pretrained is not None
        wanted = [stage for stage in STAGES[self.architecture] if not (skipped and stage == "pretraining")]
        stages = tuple(stage for stage in wanted if stage == "pretraining" or stage in self.release.tasks)
        if not {"moment", "qa"} & set(stages):
            raise InputError(f"{self.release.root}: has no task for {self.architecture}")
        return stages

    def asked(self) -> dict[str, object]:
        """What a run that goes on must have been asked for, too: everything that its numbers follow from."""
        return {
            "release": self.release.manifest_sha256,
            "model": self.architecture,
            "preset": self.preset_name,
            "features": self.feature_set,
            "seed": self.seed,
            "pretrained": file_sha256(self.pretrained / WEIGHTS) if self.pretrained is not None else None,
            "corpora": [[release.manifest_sha256, weight] for release, weight in self.corpora],
            "precision": "bf16" if self.bf16 else "fp32",
            "configuration": _plain(asdict(self.preset)) | {"stages": list(self.stages)},
        }


def changed_preset(
    name: str, settings: Sequence[str], objectives: str | None = None, text_encoder: str | None = None
) -> Preset:
    """A preset with settings as `--set` takes them, `stage.key=value` or `model.key=value`.

    Raises InputError that names the wrong one.
    """
    preset = PRESETS[name]
    changes: dict[str, dict[str, Any]] = {}
    for text in settings:
        place, separator, value = text.partition("=")
        stage, dot, key = place.partition(".")
        if not separator or not dot or stage not in (*STAGE_NAMES, MODEL):
            places = ", ".join((*STAGE_NAMES, MODEL))
            raise InputError(f"--set {text}: expected STAGE.KEY=VALUE, STAGE one of {places}")
        changes.setdefault(stage, {})[key] = value
    shares = model_shares(changes.pop(MODEL, {}))
    preset = replace(preset, config={**preset.config, **shares})
    stages = {stage: getattr(preset, stage).changed(values, f"--set {stage}") for stage, values in changes.items()}
    if objectives is not None:
        preset = replace(preset, task_ratio=parse_objectives(objectives))
    if text_encoder is not None:
        if not text_encoder:
            raise InputError("--text-encoder: is empty, expected a folder or a name")
        preset = replace(preset, text_encoder=text_encoder)
    return replace(preset, **stages)


def model_shares(values: Mapping[str, str]) -> dict[str, float]:
    """Fields of the model's configuration that only training reads. Raises InputError that names the wrong one."""
    found = {}
    for name, value in values.items():
        if name not in MODEL_SETTINGS:
            raise InputError(f"--set {MODEL}.{name}: no such setting, there are: {', '.join(MODEL_SETTINGS)}")
        with refusing(f"--set {MODEL}.{name}={value}", InputError):
            found[name] = msgspec.convert(value, Share, strict=False)
    return found


def parse_objectives(text: str) -> dict[str, float]:
    """`mlm,vsm=2` -> {"mlm": 1, "vsm": 2}. Raises InputError."""
    found: dict[str, float] = {}
    for part in text.split(","):
        name, separator, weight = part.partition("=")
        if name not in OBJECTIVES or name in found:
            raise InputError(f"--objectives {text}: {name!r}, expected each once of {', '.join(OBJECTIVES)}")
        found[name] = parse_weight(weight, f"--objectives {text}") if separator else 1.0
    return found


def parse_weight(text: str, where: str) -> float:
    """Raises InputError unless it is a number from LEAST_WEIGHT to MOST_WEIGHT."""
    try:
        weight = float(text)
    except ValueError:
        weight = 0.0
    if not LEAST_WEIGHT <= weight <= MOST_WEIGHT:
        raise InputError(f"{where}: weight {text!r}, expected a number from {LEAST_WEIGHT:g} to {MOST_WEIGHT:g}")
    return weight


def _plain(value: Any) -> Any:
    """As JSON gives it back, so that a record can be compared with it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(own) for key, own in value.items()}
    return [_plain(own) for own in value] if isinstance(value, list | tuple) else value
