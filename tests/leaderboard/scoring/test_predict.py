"""A model that is sent instead of predictions: predicted here, scored as a file, never code."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.test import Client

from benchmark_site.jobs import child_process
from benchmark_site.jobs.leases import acquire
from benchmark_site.leaderboard import tasks
from benchmark_site.leaderboard.boards.tracks import open_boards
from benchmark_site.leaderboard.models import Evaluation, State, Submission, Track
from benchmark_site.leaderboard.scoring import predict
from benchmark_site.leaderboard.scoring.model_file import unpack
from benchmark_site.leaderboard.scoring.predict import predict_evaluation
from benchmark_site.leaderboard.scoring.score import rescore_all, score_evaluation
from benchmark_site.leaderboard.submissions import deletion
from tests.hero_model.tiny_models import write_models
from tests.hero_model.tiny_release import write_release
from tests.leaderboard.conftest import REPOSITORY, ApiClient, add_scores, freeze

pytestmark = pytest.mark.django_db(transaction=True)

Zip = Callable[..., Path]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"), "moment", "qa")


@pytest.fixture
def tiny(tmp_path: Path, transactional_db: None) -> dict[str, Track]:
    """Tracks of a release with features that the models know."""
    release = freeze(write_release(tmp_path / "tiny"), "tiny")
    open_boards(release.pk)
    Track.objects.update(per_day=20, total=20)
    return {f"{track.task}/{track.split}": track for track in open_boards(release.pk)}


@pytest.fixture
def zipped(models: Path, tmp_path: Path) -> Zip:
    """`zipped("moment", "my-model", config={...}, without=["tokenizer.json"], **{"other.txt": b"..."})`"""

    def make(task: str, inside: str = "", config: dict[str, Any] | None = None, without: tuple[str, ...] = (),
             **more: bytes) -> Path:  # fmt: skip
        path = tmp_path / f"{task}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted((models / task).iterdir()):
                content = file.read_bytes()
                if file.name == "config.json" and config:
                    content = json.dumps(json.loads(content) | config).encode()
                if file.name not in (*without, *more):
                    archive.writestr(f"{inside}{file.name}", content)
            for name, content in more.items():
                archive.writestr(f"{inside}{name}", content)
        return path

    return make


def predicted(api_client: ApiClient, track: Track, file: Path, **fields: str) -> Submission:
    """What became of a model that was sent."""
    status, sent = api_client.post(track, file, kind="model", **fields)
    assert (status, sent["kind"]) == (201, "model"), sent
    submission = Submission.objects.get(pk=sent["id"])
    predict_evaluation(submission.evaluation.pk)
    submission.refresh_from_db()
    return submission


@pytest.mark.slow
@pytest.mark.parametrize("name", ["moment/val", "moment/test", "qa/val", "qa/test"])
def test_a_model_scores_as_its_predictions_would(
    name: str, api_client: ApiClient, tiny: dict[str, Track], zipped: Zip, models: Path, tmp_path: Path
) -> None:
    track = tiny[name]
    submission = predicted(api_client, track, zipped(track.task, "my-model/"))
    evaluation = submission.evaluation
    assert (evaluation.state, evaluation.attempt, evaluation.error) == (State.QUEUED, 0, "")
    score_evaluation(evaluation.pk)
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.problems) == (State.DONE, []), evaluation.error + evaluation.log
    own = tmp_path / "own.json"
    command = [
        sys.executable, "-m", "hero_model", "predict", str(models / track.task), str(track.release.folder),
        "--task", track.task, "--split", track.split, "--out", str(own), "--threads", "1",
        *(["--withheld"] if track.hides_truth else []),
    ]  # fmt: skip
    subprocess.run(command, check=True, cwd=REPOSITORY)
    assert json.loads(own.read_text()) == json.loads(Path(submission.scored_file).read_text())
    as_file = Submission.objects.get(pk=api_client.post(track, own)[1]["id"])
    score_evaluation(as_file.evaluation.pk)
    numbers = [list(one.evaluation.scores.values_list("key", "value", "low", "high")) for one in (submission, as_file)]
    assert numbers[0] == numbers[1] != []
    if name == "moment/test":  # the platform's copy knows whose clip a query is, and says nothing of it
        assert "SVMR" not in json.loads(own.read_text())


def refused(api_client: ApiClient, track: Track, file: Path) -> str:
    """Why a model was refused: it costs nothing then."""
    submission = predicted(api_client, track, file)
    evaluation = submission.evaluation
    assert evaluation.state == State.FAILED, evaluation.log
    assert evaluation.error.startswith("refused")
    assert not submission.counts
    (problem,) = evaluation.problems
    assert problem["file"] == file.name
    assert "/tmp" not in problem["message"]
    return str(problem["message"])


def test_what_holds_no_model_is_refused_with_what_was_expected(
    api_client: ApiClient, tiny: dict[str, Track], zipped: Zip, tmp_path: Path
) -> None:
    track = tiny["qa/val"]
    text = tmp_path / "text.zip"
    text.write_text("no zip")
    assert "the zip cannot be read" in refused(api_client, track, text)
    assert "expected one config.json" in refused(api_client, track, zipped("qa", without=("config.json",)))
    assert "expected model.safetensors" in refused(api_client, track, zipped("qa", without=("model.safetensors",)))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        expected = "expected a tokenizer beside config.json: tokenizer.json and tokenizer_config.json"
        assert refused(api_client, track, zipped("qa", without=(name,))) == expected
    assert "this is no JSON" in refused(api_client, track, zipped("qa", **{"tokenizer_config.json": b"{"}))


@pytest.mark.slow
def test_what_is_no_model_of_this_track_is_refused_by_the_reader_of_models(
    api_client: ApiClient, tiny: dict[str, Track], zipped: Zip
) -> None:
    track = tiny["qa/val"]
    broken = refused(api_client, track, zipped("qa", **{"model.safetensors": b"\x80\x04pickled"}))
    assert "model.safetensors: damaged, no finished model" in broken
    assert "config.json: hidden_size" in refused(api_client, track, zipped("qa", config={"hidden_size": "wide"}))
    assert "no finished model for --task qa" in refused(api_client, track, zipped("moment"))
    assert "feature" in refused(api_client, track, zipped("qa", config={"feature_size": 7}))


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_files_that_name_code_are_refused(
    file: str, api_client: ApiClient, tiny: dict[str, Track], zipped: Zip, models: Path
) -> None:
    said = json.loads((models / "qa" / file).read_text()) | {"auto_map": {"AutoModel": "evil.Model"}}
    content = {file: json.dumps(said).encode(), "evil.py": b"raise SystemExit"}
    message = refused(api_client, tiny["qa/val"], zipped("qa", **content))
    assert message == f"{file}: auto_map names code, and a model is taken without code"


@pytest.mark.slow
def test_of_the_configuration_only_a_models_own_fields_are_read(
    api_client: ApiClient, tiny: dict[str, Track], zipped: Zip
) -> None:
    """Each of these has the library load something: an implementation from a hub, another number format, an adapter."""
    foreign = {
        "_attn_implementation": "somebody/kernels", "attn_implementation": "somebody/kernels",
        "quantization_config": {"quant_method": "gptq"}, "_name_or_path": "/etc/passwd",
    }  # fmt: skip
    submission = predicted(api_client, tiny["qa/val"], zipped("qa", config=foreign))
    assert submission.evaluation.state == State.QUEUED, submission.evaluation.problems
    assert submission.predicted


def test_only_files_of_a_model_are_taken_out_and_none_leaves_its_folder(zipped: Zip, tmp_path: Path) -> None:
    path = zipped("qa", "m/", **{"setup.py": b"x", "../outside.json": b"{}", "notes.txt": b"x"})
    unpack(path, tmp_path / "out", 2**30)
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert {"config.json", "model.safetensors"} <= names
    assert not names & {"setup.py", "notes.txt", "outside.json"}
    assert not (tmp_path / "outside.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("key", ["vocab", "vocab_file", "tokenizer_file", "gguf_file"])
def test_no_file_of_a_tokenizer_says_anything_of_the_hidden_truth(
    key: str, api_client: ApiClient, tiny: dict[str, Track], zipped: Zip, models: Path
) -> None:
    """A row of the truth was a token of its own where it was guessed right, so the number of tokens told of it."""
    track = tiny["moment/test"]
    truth = track.release.folder / "held_out/moment/tvr/test_public.jsonl"
    said = json.loads((models / "moment/tokenizer_config.json").read_text())
    row = truth.read_text().splitlines()[0]
    more = {
        "tokenizer_config.json": json.dumps(said | {key: str(truth), "extra_special_tokens": [row]}).encode(),
        "special_tokens_map.json": json.dumps({key: str(truth)}).encode(),
        "added_tokens.json": json.dumps({row: 30522}).encode(),
    }
    submission = predicted(api_client, track, zipped("moment", **more))
    plain = predicted(api_client, track, zipped("moment", "plain/"))
    assert submission.evaluation.problems == []
    assert submission.predicted_sha256 == plain.predicted_sha256 != ""


def test_another_model_in_the_same_zip_is_left_there(zipped: Zip, models: Path, tmp_path: Path) -> None:
    path = zipped("qa", "best/")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("last/model.safetensors", b"of another step")
    unpack(path, tmp_path / "out", 2**30)
    taken, own = (folder / "model.safetensors" for folder in (tmp_path / "out", models / "qa"))
    assert taken.read_bytes() == own.read_bytes()


@pytest.mark.slow
def test_a_dry_run_predicts_and_checks_without_a_score(
    api_client: ApiClient, tiny: dict[str, Track], zipped: Zip
) -> None:
    submission = predicted(api_client, tiny["qa/val"], zipped("qa"), dry_run="true")
    score_evaluation(submission.evaluation.pk)
    assert submission.evaluation.state == State.DONE
    assert not submission.evaluation.scores.exists()


def test_messages_go_to_a_predictor_first_and_to_a_scorer_after(
    api_client: ApiClient, tiny: dict[str, Track], zipped: Zip
) -> None:
    def waiting() -> tuple[int, int]:
        with redis.Redis.from_url(django_settings.CELERY_BROKER_URL) as broker:
            found = broker.llen("predict"), broker.llen("score")
            broker.delete("predict", "score")
        return found

    waiting()
    sent = api_client.post(tiny["qa/val"], zipped("qa"), kind="model")[1]
    assert waiting() == (1, 0)
    evaluation = Submission.objects.get(pk=sent["id"]).evaluation
    score_evaluation(evaluation.pk)  # a message that went astray
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.attempt) == (State.QUEUED, 0)
    Evaluation.objects.update(queued_at=evaluation.queued_at.replace(year=2020))
    tasks.sweep()
    assert waiting() == (1, 0)
    predict_evaluation(evaluation.pk)
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.attempt) == (State.QUEUED, 0)  # the scorer has all its attempts
    assert waiting() == (0, 1)
    predict_evaluation(evaluation.pk)  # a second delivery
    assert waiting() == (0, 0)


def test_a_person_has_two_models_under_way_at_most(api_client: ApiClient, tiny: dict[str, Track], zipped: Zip) -> None:
    for number in range(2):
        assert api_client.post(tiny["qa/val"], zipped("qa", f"m{number}/"), kind="model")[0] == 201
    status, answer = api_client.post(tiny["moment/val"], zipped("moment"), kind="model", dry_run="true")
    assert (status, answer["errors"][0]["code"], answer["errors"][0]["field"]) == (429, "models", "kind")
    Submission.objects.earliest("created_at").evaluation.end(State.CANCELLED)
    assert api_client.post(tiny["moment/val"], zipped("moment"), kind="model")[0] == 201


def test_a_model_that_is_scored_again_is_not_under_way(
    api_client: ApiClient, tiny: dict[str, Track], zipped: Zip
) -> None:
    track = tiny["qa/val"]
    for number in range(2):
        sent = api_client.post(track, zipped("qa", f"m{number}/"), kind="model")[1]
        Submission.objects.filter(pk=sent["id"]).update(predicted="p.json", predicted_sha256="0" * 64)
        add_scores(Submission.objects.get(pk=sent["id"]), {track.primary_metric: 10.0})
    Evaluation.objects.update(evaluator_version="old")
    assert rescore_all(track) == 2
    assert api_client.post(track, zipped("qa", "new/"), kind="model")[0] == 201


def test_a_predictor_that_is_killed_is_followed_three_times(
    api_client: ApiClient, tiny: dict[str, Track], zipped: Zip, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = api_client.post(tiny["qa/val"], zipped("qa"), kind="model")[1]
    evaluation = Submission.objects.get(pk=sent["id"]).evaluation
    dying = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"]
    monkeypatch.setattr(predict, "_command", lambda *_: dying)
    for attempt, state in ((1, State.QUEUED), (2, State.QUEUED), (3, State.FAILED)):
        predict_evaluation(evaluation.pk)
        evaluation.refresh_from_db()
        assert (evaluation.attempt, evaluation.state) == (attempt, state)
    assert evaluation.error == "the prediction failed: the model was killed (SIGKILL)"


@pytest.mark.slow
def test_what_was_cancelled_meanwhile_keeps_nothing(
    api_client: ApiClient, tiny: dict[str, Track], zipped: Zip, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = api_client.post(tiny["qa/val"], zipped("qa"), kind="model")[1]
    submission = Submission.objects.get(pk=sent["id"])
    run = child_process.run

    def cancelled(*arguments: Any, **more: Any) -> Any:
        ended = run(*arguments, **more)
        assert api_client.send("POST", f"submissions/{submission.pk}/cancel")[0] == 200
        return ended

    monkeypatch.setattr(child_process, "run", cancelled)
    predict_evaluation(submission.evaluation.pk)
    submission.refresh_from_db()
    assert submission.evaluation.state == State.CANCELLED
    assert not submission.predicted
    assert acquire(Evaluation, submission.evaluation.pk) is None


@pytest.mark.slow
def test_a_scoring_later_on_needs_no_second_prediction_and_both_files_are_deleted_together(
    api_client: ApiClient, tiny: dict[str, Track], zipped: Zip, member: Client
) -> None:
    submission = predicted(api_client, tiny["qa/val"], zipped("qa"))
    score_evaluation(submission.evaluation.pk)
    page = member.get(submission.get_absolute_url()).content.decode()
    assert "a model: its predictions were made here" in page
    assert not submission.waits_for_prediction
    paths = [Path(submission.scored_file), Path(submission.file.path)]
    assert all(path.exists() for path in paths)
    deletion.delete_file(submission)
    assert not any(path.exists() for path in paths)


def test_the_page_sends_a_model(member: Client, tiny: dict[str, Track], zipped: Zip, membership: Any) -> None:
    track = tiny["qa/val"]
    address = f"{track.get_absolute_url()}submit/"
    assert "The file holds" in member.get(address).content.decode()
    with zipped("qa").open("rb") as file:
        form = {"team": membership.team_id, "method": "whole", "kind": "model", "file": file}
        assert member.post(address, form).status_code == 302
    assert Submission.objects.get().kind == "model"
    shutil.rmtree(track.release.folder)
    predict_evaluation(Submission.objects.get().evaluation.pk)
    submission = Submission.objects.get()
    assert submission.evaluation.error == "the prediction failed: the release cannot be read"
    assert submission.counts is False  # the platform's own trouble costs the sender nothing
