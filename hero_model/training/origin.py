"""What the card of a trained model tells of its run."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from evaluation.io.digest import file_sha256
from evaluation.release import Release
from hero_model.checkpoints.model_folder import WEIGHTS
from hero_model.training.plan import Plan

MINILM = "all-MiniLM-L6-v2"  # what `minilm_folder` finds


def origin(plan: Plan, stage: str, start: Path, kept_step: int) -> dict[str, str]:
    """Rows of a table. start: the model folder that the stage began with, where there was one; kept_step: the step
    whose weights these are.
    """
    settings = getattr(plan.preset, stage)
    encoder = Path(plan.preset.text_encoder or MINILM).name  # a folder is named without where it lies on the machine
    rows = {
        "stage": stage,
        "preset": plan.preset_name,
        "release": named(plan.release),
        "steps": f"the weights of step {kept_step} of {settings.steps}",
        "seed": str(plan.seed),
        "precision": "bf16" if plan.bf16 else "fp32",
        "settings": listed(asdict(settings)),
        "began with": f"{start.name}, {WEIGHTS} with sha256 {file_sha256(start / WEIGHTS)}" if start.exists() else "",
        "text encoder": encoder if plan.pretrained is None else "",
        "feature set": plan.feature_set or next(iter(plan.release.feature_files())),  # the only one
    }
    if stage == "pretraining":
        rows["objectives and their weights"] = listed(plan.preset.task_ratio)
        rows["further corpora"] = "; ".join(f"{named(release)}, weight {weight:g}" for release, weight in plan.corpora)
    return {name: value for name, value in rows.items() if value}


def named(release: Release) -> str:
    return f"{release.manifest.name} {release.manifest.version}, MANIFEST.json with sha256 {release.manifest_sha256}"


def listed(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)
