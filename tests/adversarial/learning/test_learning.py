"""The small models: gradients, relevance out of fold, cross-encoder, parts."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adversarial.audit.report import blind_report
from adversarial.audit.splits import audit_splits
from adversarial.data.errors import ItemError
from adversarial.data.options import option_sources
from adversarial.data.schema import parse_rows
from adversarial.learning import option_mlp
from adversarial.learning.group_kfold import group_folds
from adversarial.relevance import pair_odds
from tests.adversarial.conftest import make_rows


def test_network_gradients_agree_with_differences() -> None:
    rng = np.random.default_rng(0)
    net = option_mlp._Net(5, 4, rng)
    x = rng.standard_normal((6, 3, 5)).astype(np.float32)
    present = np.ones((6, 3), bool)
    present[0, 2] = False
    right = np.array([0, 1, 2, 0, 1, 2])
    mask = np.ones((6, 3, 4), np.float32)

    def loss() -> float:
        return -float(net.log_chances(x, present)[np.arange(6), right].mean())

    for param, gradient in zip(net.params, net.gradients(x, present, right, mask), strict=True):
        at = tuple(0 for _ in param.shape)
        for step in (1e-2, -1e-2):
            param[at] += step
            after = loss()
            param[at] -= 2 * step
            before = loss()
            param[at] += step
            assert (after - before) / (2 * step) == pytest.approx(gradient[at], abs=2e-3)


def test_standardised_features_have_mean_0_and_spread_1_over_the_options_that_are_there() -> None:
    rng = np.random.default_rng(0)
    features = (5 + 3 * rng.standard_normal((40, 3, 2))).astype(np.float32)
    present = rng.random((40, 3)) < 0.7
    features[~present] = 1e6
    option_mlp.standardise(features, present)
    assert (features[~present] == 0).all()
    assert features[present].mean(axis=0) == pytest.approx(0, abs=1e-5)
    assert features[present].std(axis=0) == pytest.approx(1, abs=1e-3)


def test_the_network_learns_nothing_of_an_option_that_is_not_visible() -> None:
    """The right options are large; the largest ones are hidden, and would teach the opposite."""
    rng = np.random.default_rng(0)
    right = rng.integers(0, 3, 400)
    features = rng.standard_normal((400, 4, 1)).astype(np.float32)
    features[np.arange(400), right] += 2
    features[:, 3] = 8
    visible = np.ones((400, 4), bool)
    visible[:, 3] = False
    option_mlp.standardise(features, visible)
    train, test = np.arange(300), np.arange(300, 400)
    chances = option_mlp.fit_predict(features, visible, train, right[train], test, seed=0)
    assert (chances.argmax(axis=1) == right[test]).mean() > 0.8
    assert (chances[:, 3] < -100).all()
    assert np.exp(chances).sum(axis=1) == pytest.approx(1, abs=1e-4)


def test_relevance_learns_what_goes_together_out_of_fold() -> None:
    rng = np.random.default_rng(1)
    topics = rng.integers(0, 8, 400)
    question_of, answer_of = rng.standard_normal((2, 8, 32))  # no likeness between the two sides but the topic

    def noisy(centres: np.ndarray) -> np.ndarray:
        vectors = (centres[topics] + 0.5 * rng.standard_normal((400, 32))).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    fold = (np.arange(400) % 5).astype(np.int32)
    texts = [(f"question {number}?", f"answer {number}") for number in range(400)]
    names = np.arange(400, dtype=np.int32)
    found = pair_odds.learn(texts, noisy(question_of), noisy(answer_of), names, fold, seed=0)
    answers = np.concatenate(
        [found.answers, np.broadcast_to(found.traits, (len(found.answers), *found.traits.shape))], 2
    )
    scores = np.einsum("id,ijd->ij", found.questions, answers[found.fold])
    same = topics[:, None] == topics[None]
    assert scores[same].mean() - scores[~same].mean() > 2
    np.fill_diagonal(same, False)
    assert scores[same].mean() > scores[~same].mean() + 0.2  # also for pairs that are nobody's own


@settings(max_examples=40)
@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=60), st.integers(1, 7), st.integers(0, 99))
def test_parts_keep_videos_whole_and_ignore_order(videos: list[str], parts: int, seed: int) -> None:
    fold = group_folds(videos, parts, seed)
    assert len(set(zip(videos, fold.tolist(), strict=True))) == len(set(videos))
    assert set(fold.tolist()) == set(range(min(parts, len(set(videos)))))
    again = group_folds(videos[::-1], parts, seed)[::-1]
    assert np.array_equal(fold, again)


def _tiny_encoder(folder: Path) -> str:
    from transformers import AutoTokenizer, DistilBertConfig, DistilBertModel

    from adversarial.relevance.sentence_encoder import DEFAULT_MODEL, model_path

    words = AutoTokenizer.from_pretrained(model_path(DEFAULT_MODEL))
    words.save_pretrained(folder)
    shape = DistilBertConfig(vocab_size=len(words), dim=8, hidden_dim=8, n_heads=2, n_layers=3)
    DistilBertModel(shape).save_pretrained(folder)
    return str(folder)


def test_any_encoder_is_fine_tuned_by_its_name(tmp_path: Path) -> None:
    report = blind_report(parse_rows(make_rows(30)), encoder=_tiny_encoder(tmp_path), before=False)
    assert {"cross_encoder", "stacked"} <= set(report["panel"])


def test_what_is_no_encoder_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ItemError, match=re.escape(f"model '{tmp_path}': cannot be loaded")):
        blind_report(parse_rows(make_rows(30)), encoder=str(tmp_path), before=False)


@pytest.mark.slow
def test_cross_encoder_finds_a_planted_cue() -> None:
    from adversarial.audit.cross_encoder import cross_encoder

    rows = make_rows(200)
    for row in rows:
        place = row["answer_idx"]
        row["answers"] = [f"{answer} indeed" if at == place else answer for at, answer in enumerate(row["answers"])]
    items = parse_rows(rows)
    split = next(iter(audit_splits(items, option_sources(items), 5, 0)))
    scores = cross_encoder(items, split, seed=0)
    right = np.array([items[row].answer_idx for row in split.test])
    assert (scores.argmax(axis=1) == right).mean() > 0.9
