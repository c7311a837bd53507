"""QA that looks for each question with an answer as moment retrieval looks for a query."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from hero_model.config import HeroConfig
from hero_model.data import collate
from hero_model.data.batches import QuestionBatch
from hero_model.data.sequences import claim_ids
from hero_model.models.moment import HeroForMomentRetrieval, MatchOutput
from hero_model.models.qa import HeroForQuestionAnswering
from tests.hero_model.tiny_world import tiny_clip, tiny_config

WEIGHT = 7.0
QUESTIONS = [
    (np.array([5, 6, 9]), [np.array([7]), np.array([8, 9, 10])]),
    (np.array([5] * 9), [np.array([7, 8, 9, 10, 11]), np.array([8])]),
    (np.array([12]), [np.array([7]), np.array([8, 9])]),
]
RIGHT, SPANS = [0, 1, 0], [(0, 1), (2, 4), (1, 3)]
RNG = np.random.default_rng(0)
CLIPS = [tiny_clip(RNG, f"clip-{n}", n) for n in (6, 11, 9)]
close = {"atol": 1e-5, "rtol": 1e-5}


def asked(config: HeroConfig, answers: list[int] = RIGHT) -> QuestionBatch:
    return collate.question_batch(CLIPS, QUESTIONS, answers, SPANS, config)


def model_of(architecture: str) -> HeroForQuestionAnswering:
    torch.manual_seed(0)
    return HeroForQuestionAnswering(tiny_config(architecture=architecture, answer_match_weight=WEIGHT)).eval()


def without_claims(model: HeroForQuestionAnswering) -> HeroForQuestionAnswering:
    """The same weights, the answer head alone."""
    plain = HeroForQuestionAnswering(tiny_config(architecture=model.config.architecture)).eval()
    assert plain.moment_head is None
    lacking, beyond = plain.load_state_dict(model.state_dict(), strict=False)
    assert not lacking
    assert {name.split(".")[0] for name in beyond} == {"moment_head"}
    return plain


def retrieved(model: HeroForQuestionAnswering) -> MatchOutput:
    """Question and answer as queries of moment retrieval, A rows a question, with the same weights."""
    moment = HeroForMomentRetrieval(tiny_config(architecture=model.config.architecture)).eval()
    assert not moment.load_state_dict(model.state_dict(), strict=False).missing_keys
    queries = [np.concatenate([question, option]) for question, options in QUESTIONS for option in options]
    own = [row for row in range(3) for _ in range(2)]
    return moment(collate.moment_batch(CLIPS, queries, own, [SPANS[row] for row in own], moment.config))


@pytest.mark.parametrize("architecture", ["hero", "h_trm", "f_trm"])
def test_the_best_cosine_adds_to_each_answer_and_the_right_claims_place_to_the_span(architecture: str) -> None:
    model = model_of(architecture)
    plain = without_claims(model)
    with torch.no_grad():
        with_claims, alone, found = model(asked(model.config)), plain(asked(plain.config)), retrieved(model)
    cosines = torch.stack([found.scores[2 * row : 2 * row + 2, row] for row in range(3)])
    assert float((cosines[:, 0] - cosines[:, 1]).abs().min()) > 1e-3
    torch.testing.assert_close(with_claims.logits - alone.logits, WEIGHT * cosines, **close)
    places = torch.stack([found.start, found.end], 2)[[2 * row + right for row, right in enumerate(RIGHT)]]
    there = alone.mask
    torch.testing.assert_close((with_claims.span_logits - alone.span_logits)[there], places[there], **close)


def test_where_the_right_answer_is_unknown_the_chosen_one_is_looked_for() -> None:
    model = model_of("hero")
    with torch.no_grad():
        unknown = model(asked(model.config, [-1] * 3))
        chosen = unknown.logits.argmax(1).tolist()
        others = [1 - answer for answer in chosen]
        torch.testing.assert_close(model(asked(model.config, chosen)).span_logits, unknown.span_logits)
        assert not torch.allclose(model(asked(model.config, others)).span_logits, unknown.span_logits)


def test_every_weight_of_retrieval_learns_from_questions() -> None:
    model = model_of("hero").train()
    model(asked(model.config)).loss.backward()
    for name, weight in model.moment_head.named_parameters():
        assert weight.grad is not None, name
        if not name.endswith("key.bias"):  # softmax does not see it
            assert float(weight.grad.abs().max()) > 0, name


def test_batches_hold_claims_where_the_model_wants_them() -> None:
    assert asked(tiny_config()).claims is None
    assert asked(tiny_config()).unasked is None
    stage = tiny_config(architecture="stage", answer_match_weight=WEIGHT)
    assert asked(stage).claims is None
    assert HeroForQuestionAnswering(stage).moment_head is None
    model = model_of("hero")
    with pytest.raises(ValueError, match="the batch holds no claims"):
        model(asked(tiny_config()))
    moved = asked(model.config).to(torch.float64)
    assert moved.unasked.features.dtype == torch.float64
    assert torch.equal(moved.claims.packed.word_ids, asked(model.config).claims.packed.word_ids)


def test_a_claim_keeps_its_answer() -> None:
    """Of 32 places of a query the first is for <s>; the question is cut, and of two long texts both."""
    config = tiny_config()
    begin = config.cls_token_id
    assert [claim.tolist() for claim in claim_ids(np.array([5, 6]), [np.array([7]), np.array([8, 9])], config)] == [
        [begin, 5, 6, 7],
        [begin, 5, 6, 8, 9],
    ]
    long, short = claim_ids(np.full(600, 5), [np.array([7, 8]), np.array([9])], config)
    assert (long.tolist(), short.tolist()) == ([begin, *[5] * 29, 7, 8], [begin, *[5] * 29, 9])
    (both,) = claim_ids(np.full(600, 5), [np.full(600, 7)], config)
    assert both.tolist() == [begin, *[5] * 15, *[7] * 16]


def test_the_weight_is_saved_and_a_model_of_before_has_none(tmp_path: Path) -> None:
    model = model_of("hero")
    model.save_pretrained(tmp_path)
    loaded = HeroForQuestionAnswering.from_pretrained(tmp_path).eval()
    assert loaded.config.answer_match_weight == WEIGHT
    assert loaded.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(loaded.state_dict()[name], value) for name, value in model.state_dict().items())
    torch.testing.assert_close(loaded(asked(model.config)).logits, model(asked(model.config)).logits, **close)
    without_claims(model).save_pretrained(tmp_path / "before")
    path = tmp_path / "before/config.json"
    config = json.loads(path.read_text())
    assert config.pop("answer_match_weight") == 0.0
    path.write_text(json.dumps(config))
    assert HeroForQuestionAnswering.from_pretrained(tmp_path / "before").moment_head is None
