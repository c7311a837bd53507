"""What the card of a trained model tells of its run."""

from pathlib import Path

from evaluation.io.digest import file_sha256
from hero_model.__main__ import main
from hero_model.data.release import open_release
from hero_model.training.origin import origin
from hero_model.training.plan import Plan, changed_preset

SHORT = [f"--set={stage}.{key}" for stage in ("pretraining", "moment", "qa") for key in ("steps=2", "clips=4")]


def test_every_stage_of_a_run_says_what_it_was_made_from(release: Path, tmp_path: Path) -> None:
    out, stopping = tmp_path / "out", ["--set=moment.validate_every=1", "--set=moment.patience=1"]
    command = ["train", str(release), str(out), "--preset", "tiny", "--seed", "7", "--threads", "1", "--progress-json"]
    assert main([*command, *SHORT, *stopping, "--objectives", "mlm,vsm=2"]) == 0
    cards = {stage: (out / stage / "README.md").read_text() for stage in ("pretraining", "moment", "qa")}
    manifest = file_sha256(release / "MANIFEST.json")
    for stage, card in cards.items():
        assert f"| stage | {stage} |\n| preset | tiny |\n" in card
        assert f"| release | tiny 1.0.0, MANIFEST.json with sha256 {manifest} |" in card
        assert "| seed | 7 |\n| precision | fp32 |\n| settings | steps 2, clips 4, " in card
        assert "| feature set | tiny |" in card
        assert "| text encoder | all-MiniLM-L6-v2 |" in card
        assert str(tmp_path) not in card
    assert "| objectives and their weights | mlm 1.0, vsm 2.0 |" in cards["pretraining"]
    assert "began with" not in cards["pretraining"]
    for stage, before in (("moment", "pretraining"), ("qa", "moment")):
        weights = file_sha256(out / before / "model.safetensors")
        assert f"| began with | {before}, model.safetensors with sha256 {weights} |" in cards[stage]
        assert "objectives" not in cards[stage]
    assert "| steps | the weights of step 2 of 2 |" in cards["qa"]


def test_a_folder_is_named_and_not_where_it_lies(release: Path, tmp_path: Path) -> None:
    opened = open_release(release)
    preset = changed_preset("small", [], text_encoder="/home/somebody/roberta")
    start = tmp_path / "theirs"
    start.mkdir()
    (start / "model.safetensors").write_bytes(b"weights")
    plan = Plan(opened, "hero", "small", preset, 0, corpora=((opened, 2.5),), bf16=True)
    told = origin(plan, "pretraining", start, 3)
    assert told["text encoder"] == "roberta"
    assert told["began with"].startswith("theirs, ")
    assert told["steps"] == "the weights of step 3 of 50"
    assert told["precision"] == "bf16"
    assert told["further corpora"] == f"{told['release']}, weight 2.5"
    tuned = origin(Plan(opened, "hero", "small", preset, 0, pretrained=start), "moment", start, 120)
    assert "text encoder" not in tuned
    assert "further corpora" not in tuned
