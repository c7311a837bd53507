"""Small made-up releases without a leak, for tests to put one in before they are written."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.evaluation.small_release import FOLDERS, HIDDEN, HIDDEN_IN_VERSION_1, SPLITS, jsonl, write_folder

Row = dict[str, Any]

PEOPLE = ("a man", "a woman", "the cook", "a boy", "the girl", "an old man", "the teacher", "a dancer")
DEEDS = ("cuts", "lifts", "paints", "washes", "drops", "opens", "throws", "fixes", "carries", "hides")
THINGS = (
    *("bread", "rope", "chair", "lamp", "onion", "shirt", "engine", "guitar", "melon", "window", "ladder"),
    *("kite", "brush", "table", "bottle", "carpet", "candle", "basket", "helmet", "drum", "kettle", "mirror"),
    *("pillow", "scarf", "clock", "bucket", "needle", "shovel", "wallet", "trumpet", "hammer", "pan"),
)
SIZES = ("a tiny", "a huge", "an old", "a flat")
COLOURS = ("red", "blue", "green", "yellow", "black", "white", "brown", "pink", "grey", "golden")


@dataclass
class World:
    """Full rows of every split and task in the order of their files; `clips` holds [duration, idx] by name."""

    moments: dict[str, list[Row]]
    questions: dict[str, list[Row]]
    clips: dict[str, dict[str, dict[str, list[Any]]]]  # task -> split -> name
    subtitles: list[Row]
    rng: random.Random

    @property
    def hidden_moments(self) -> list[Row]:
        return self.moments["test_public"]

    @property
    def hidden_questions(self) -> list[Row]:
        return self.questions["test_public"]


def make_world(seed: int = 0, *, clips: int = 16, each: int | None = None, shared: bool = False) -> World:
    """`clips` clips a split and task, 2 to 6 rows (or `each`) on one; with `shared` both tasks lie on the same clips.

    Moments are short and anywhere. All options of a question are drawn alike from one large pool.
    """
    rng = random.Random(seed)
    names = [f"{rng.getrandbits(40):010x}_0_60" for _ in range(len(SPLITS) * len(FOLDERS) * clips)]
    world = World({}, {}, {task: {} for task in FOLDERS}, [], rng)
    pool = [f"{size} {colour} {thing}" for size in SIZES for colour in COLOURS for thing in THINGS]
    numbers = iter(rng.sample(range(len(names)), len(names)))
    for split in SPLITS:
        world.moments[split], world.questions[split] = [], []
        for task in FOLDERS:
            world.clips[task][split] = {}
        for _ in range(clips):
            home = {"moment": names.pop()}
            home["qa"] = home["moment"] if shared else names.pop()
            for task, name in home.items():
                world.clips[task][split][name] = [round(rng.uniform(40, 60), 2), next(numbers)]
            if shared:
                world.clips["qa"][split][home["qa"]] = world.clips["moment"][split][home["moment"]]
            topics = rng.sample(THINGS, 6)
            for name in dict.fromkeys(home.values()):
                world.subtitles.append({"vid_name": name, "sub": _speech(rng, topics)})
            for _ in range(each or rng.randint(2, 6)):
                world.moments[split].append(_moment(rng, home["moment"], world.clips["moment"][split], topics))
            for _ in range(each or rng.randint(2, 6)):
                world.questions[split].append(_question(rng, home["qa"], world.clips["qa"][split], pool))
        rng.shuffle(world.moments[split])
        rng.shuffle(world.questions[split])
    for field, table in (("desc_id", world.moments), ("qid", world.questions)):
        rows = [row for split in SPLITS for row in table[split]]
        for row, number in zip(rows, rng.sample(range(len(rows)), len(rows)), strict=True):
            row[field] = number
    return world


def write_world(
    root: Path, world: World, *, version: int = 2, shared: bool = False, features: Sequence[str] = ()
) -> Path:
    """The whole release folder, with its truth; a task without rows is left out. Feature files lie there already."""
    files = {path: (root / path).read_bytes() for path in features}
    withheld = HIDDEN if version == 2 else HIDDEN_IN_VERSION_1
    tables = {"moment": world.moments, "qa": world.questions}
    for task, table in ((task, table) for task, table in tables.items() if any(table.values())):
        for split, rows in table.items():
            path = f"{FOLDERS[task]}/{split}.jsonl"
            if split == "test_public":
                files[f"held_out/{path}"] = jsonl(rows)
                rows = [{key: value for key, value in row.items() if key not in withheld[task]} for row in rows]
            files[path] = jsonl(rows)
        if version == 2 or task == "moment":
            files[f"{FOLDERS[task]}/video2dur_idx.json"] = json.dumps(world.clips[task]).encode()
    files["subtitles.jsonl"] = jsonl(world.subtitles)
    return write_folder(
        root, files, name="world", version=version, hidden="shared" if shared or version == 1 else "sealed"
    )


def only_moments(world: World) -> World:
    """The same without questions: such an audit trains no models."""
    world.questions.clear()
    return world


def only_questions(world: World) -> World:
    """The same without moments."""
    world.moments.clear()
    return world


def right_text(row: Row) -> str:
    """The right answer of a question."""
    return str(row[f"a{row['answer_idx']}"])


def _speech(rng: random.Random, topics: list[str]) -> list[Row]:
    starts = sorted(rng.uniform(0, 38) for _ in range(3))
    return [
        {"text": f"here is the {rng.choice(topics)}", "start": round(at, 2), "end": round(at + 1, 2)} for at in starts
    ]


def _moment(rng: random.Random, name: str, clips: dict[str, list[Any]], topics: list[str]) -> Row:
    duration = clips[name][0]
    start = rng.uniform(0, duration - 7)
    text = f"{rng.choice(PEOPLE)} {rng.choice(DEEDS)} the {rng.choice(COLOURS)} {rng.choice([*topics, *THINGS[:20]])}"
    times = [round(start, 2), round(start + rng.uniform(4, 6.5), 2)]
    return {"vid_name": name, "duration": duration, "ts": times, "desc": text, "type": "v"}


def _question(rng: random.Random, name: str, clips: dict[str, list[Any]], pool: list[str]) -> Row:
    start = rng.uniform(0, clips[name][0] - 7)
    options = {f"a{place}": text for place, text in enumerate(rng.sample(pool, 4))}
    asked = f"What is it that {rng.choice(PEOPLE)} {rng.choice(DEEDS)}?"
    span = f"{start:.2f}-{start + rng.uniform(4, 6.5):.2f}"
    return {"vid_name": name, "q": asked, **options, "answer_idx": rng.randrange(4), "ts": span}
