"""README.md of a model folder, the card that the Hugging Face hub shows: what the model is, and what it was made from.

It tells what is known when the weights are saved and nothing of the day or the machine, so that the same run writes the
same bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from hero_model.config import HeroConfig
from hero_model.models.hero import HeroModel, HeroPreTrainedModel

ARCHITECTURES = {  # name, and what it is beside HERO
    "hero": ("HERO", ""),
    "h_trm": ("H-TRM", ", a baseline of HERO's paper"),
    "f_trm": ("F-TRM", ", a baseline of HERO's paper"),
    "xml": ("XML", " (Lei et al. 2020, <https://arxiv.org/abs/2001.09099>), as a baseline"),
    "stage": ("STAGE", " (Lei et al. 2019, <https://arxiv.org/abs/1904.11574>), as a baseline"),
}
SEARCH = """from hero_model import HeroSearch

search = HeroSearch.from_pretrained("FOLDER")
# {video: array [frames, size]}, {video: [(start, end, text), ...]} in seconds
search.encode(features, subtitles)
"""
CITATION = """@inproceedings{li2020hero,
  title = {{HERO}: Hierarchical Encoder for {V}ideo+{L}anguage Omni-representation Pre-training},
  author = {Li, Linjie and Chen, Yen-Chun and Cheng, Yu and Gan, Zhe and Yu, Licheng and Liu, Jingjing},
  booktitle = {Proceedings of EMNLP},
  year = {2020},
  url = {https://arxiv.org/abs/2005.00200}
}
"""


@dataclass(frozen=True)
class Kind:
    """What is told of all models of one class."""

    purpose: str
    tag: str
    commands: tuple[str, ...]
    python: str
    limits: tuple[str, ...] = ()
    hub_task: str | None = None  # where the hub has a word for it


KINDS = {
    "HeroForPretraining": Kind(
        "is pre-trained and waits to be fine-tuned",
        "video-language-pretraining",
        ("train RELEASE OUT --pretrained FOLDER",),
        'from hero_model import HeroForPretraining\n\nmodel = HeroForPretraining.from_pretrained("FOLDER")\n',
    ),
    "HeroForMomentRetrieval": Kind(
        "finds moments in videos by a sentence",
        "video-moment-retrieval",
        (
            "encode FOLDER --features features.safetensors --subtitles subtitles.jsonl --out index.safetensors",
            'search FOLDER index.safetensors "somebody opens the blue door"',
            "predict FOLDER RELEASE --task moment --split val --out val.json",
        ),
        f'{SEARCH}search.search("somebody opens the blue door", k=3)\n',
        ("A score orders the moments that one query finds; it is no probability.",),
    ),
    "HeroForQuestionAnswering": Kind(
        "answers multiple-choice questions about videos",
        "video-question-answering",
        (
            "answer FOLDER --features features.safetensors --subtitles subtitles.jsonl QUESTION OPTION OPTION",
            "predict FOLDER RELEASE --task qa --split val --out val.json",
        ),
        f'{SEARCH}search.answer("What does she open?", ["a door", "a book"], video="NAME")\n',
        ("It chooses among the options that are given and writes no answer of its own.",),
        "video-text-to-text",
    ),
}


def model_card(model: HeroPreTrainedModel, made: Mapping[str, str], weights_sha256: str, reads_text: bool) -> str:
    """The card of a model that lies in a folder.

    made: rows of a table, what the weights were made from and how; none where nobody knows. reads_text: a tokenizer
    lies beside the weights.
    """
    name, kind = type(model).__name__, KINDS[type(model).__name__]
    short, beside = ARCHITECTURES[model.config.architecture]
    tags = dict.fromkeys(("hero", model.config.architecture, kind.tag))
    front = ["library_name: transformers", *([f"pipeline_tag: {kind.hub_task}"] if kind.hub_task else []), "tags:"]
    commands = "".join(f"python -m hero_model {command}\n" for command in kind.commands)
    parts = [
        "\n".join(["---", *front, *(f"- {tag}" for tag in tags), "---"]),
        f"# {short}, {kind.tag.replace('-', ' ')}",
        f"This model {kind.purpose}. It is {short}{beside}: a `{name}` of HERO Bench's `hero_model`, on top of "
        "`transformers`.",
        "## What it was made from",
        table(made) if made else "Nothing was noted when it was saved.",
        "## Sizes",
        table(sizes(model) | {"sha256 of model.safetensors": weights_sha256}),
        "## How to use it",
        f"FOLDER is where this file lies.\n\n```\n{commands}```\n\n```python\n{kind.python}```",
        "## Limits",
        "\n".join(f"- {limit}" for limit in limits(kind, model.config, reads_text)),
        "## Citation",
        f"```bibtex\n{CITATION}```",
    ]
    return "\n\n".join(parts) + "\n"


def table(rows: Mapping[str, str]) -> str:
    """In Markdown; a value is one line, whatever a release or a file is called."""
    cells = ((name, " ".join(value.split()).replace("|", "\\|")) for name, value in rows.items())
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in cells)])


def sizes(model: HeroPreTrainedModel) -> dict[str, str]:
    """Of the parts that the model has: not every architecture has a temporal transformer."""
    config, hero, reader = model.config, cast(HeroModel, model.base_model), getattr(model, "reader", None)
    encoders = {"cross-modal": hero.cross_modal, "temporal": getattr(hero, "temporal", None)}
    encoders["reader"] = reader.layers if reader is not None else None
    return {
        "parameters": f"{model.num_parameters():,}",
        "dialect": config.dialect,
        "hidden size": str(config.hidden_size),
        **{f"{name} layers": str(len(encoder.layer)) for name, encoder in encoders.items() if encoder is not None},
        "attention heads": str(config.num_attention_heads),
        "vocabulary": f"{config.vocab_size:,}",
        "frame features": f"{config.feature_size:,} numbers, one frame per {config.frame_interval:g} s",
    }


def limits(kind: Kind, config: HeroConfig, reads_text: bool) -> list[str]:
    """What follows from the class and its configuration."""
    seconds = config.max_frames * config.frame_interval
    return [
        f"It reads the first {config.max_frames} frames of a video ({seconds:g} s); cut longer ones into clips.",
        "Frame features have to come from the network that made those it was trained on.",
        *kind.limits,
        *([] if reads_text else ["No tokenizer lies here, and without one it cannot read text."]),
        "This card holds no scores: `predict` and `python -m evaluation score` measure it on a release.",
    ]
