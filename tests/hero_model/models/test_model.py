"""Batches do not change numbers, saving does not change numbers, and bad files are named."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from hero_model.__main__ import main
from hero_model.checkpoints.official import OFFICIAL_KEYS, convert, map_keys, our_key, read_state_dict
from hero_model.config import HeroConfig
from hero_model.data import collate
from hero_model.data.examples import Clip
from hero_model.data.packing import pack, pack_texts
from hero_model.errors import InputError
from hero_model.inference.index import FrameIndex
from hero_model.inference.retrieval import find_in_own_clip, find_moments
from hero_model.models.architectures import ENCODERS
from hero_model.models.hero import HeroModel, HeroPreTrainedModel
from hero_model.models.losses import ranking_losses
from hero_model.models.moment import HeroForMomentRetrieval
from hero_model.models.pretraining import HeroForPretraining
from hero_model.models.qa import HeroForQuestionAnswering
from tests.hero_model import golden_data as golden
from tests.hero_model.tiny_world import tiny_clip, tiny_config

close = {"atol": 1e-6, "rtol": 1e-5}


def uneven_clips() -> list[Clip]:
    """Clips of different lengths; the sentences of each hold different numbers of words."""
    rng = np.random.default_rng(0)
    clips = [tiny_clip(rng, f"clip-{n}", n) for n in (6, 11, 9)]
    return [Clip(c.name, c.features, [words[: 1 + s] for s, words in enumerate(c.sentences)], c.frames) for c in clips]


def model_of(kind: type[HeroPreTrainedModel], config: HeroConfig) -> HeroPreTrainedModel:
    torch.manual_seed(0)
    return kind(config).eval()


@pytest.mark.parametrize("architecture", ["hero", "h_trm", "f_trm", "xml"])
def test_a_clip_alone_and_in_a_batch_moments(architecture: str) -> None:
    config = tiny_config(architecture=architecture)
    model = model_of(HeroForMomentRetrieval, config)
    clips, queries = uneven_clips(), [np.array([7, 8, 9]), np.array([6]), np.array([10, 5])]
    spans = [(0, 2), (3, 5), (1, 4)]
    together = model(collate.moment_batch(clips, queries, [0, 1, 2], spans, config))
    for row, clip in enumerate(clips):
        alone = model(collate.moment_batch([clip], [queries[row]], [0], [spans[row]], config))
        length = len(clip.features)
        torch.testing.assert_close(alone.start[0], together.start[row, :length], **close)
        torch.testing.assert_close(alone.end[0], together.end[row, :length], **close)
        torch.testing.assert_close(alone.scores[0, 0], together.scores[row, row], **close)


@pytest.mark.parametrize("weight", [0.0, 10.0])
@pytest.mark.parametrize("architecture", ["hero", "h_trm", "f_trm", "stage"])
def test_a_clip_alone_and_in_a_batch_answers(architecture: str, weight: float) -> None:
    config = tiny_config(architecture=architecture, answer_match_weight=weight)
    model = model_of(HeroForQuestionAnswering, config)
    clips = uneven_clips()
    questions = [
        (np.array([5, 6, 9]), [np.array([7]), np.array([8, 9, 10])]),
        (np.array([5] * 9), [np.array([7, 8, 9, 10, 11]), np.array([8])]),
        (np.array([12]), [np.array([7]), np.array([8, 9])]),
    ]
    together = model(collate.question_batch(clips, questions, [0, 1, 0], [(0, 1)] * 3, config))
    for row, clip in enumerate(clips):
        alone = model(collate.question_batch([clip], [questions[row]], [row % 2], [(0, 1)], config))
        torch.testing.assert_close(alone.logits[0], together.logits[row], **close)
        torch.testing.assert_close(alone.span_logits[0], together.span_logits[row, : len(clip.features)], **close)


@pytest.mark.parametrize("weight", [0.0, 10.0])
@pytest.mark.parametrize("architecture", ["hero", "h_trm", "f_trm", "stage"])
def test_an_answer_does_not_depend_on_the_other_options(architecture: str, weight: float) -> None:
    config = tiny_config(architecture=architecture, answer_match_weight=weight)
    model = model_of(HeroForQuestionAnswering, config)
    clips = uneven_clips()[:1]

    def logit(*options: list[int]) -> torch.Tensor:
        question = (np.array([5, 6]), [np.array(option) for option in options])
        return model(collate.question_batch(clips, [question], [0], [(0, 1)], config)).logits[0, 0]

    torch.testing.assert_close(logit([7], [8]), logit([7], [8, 9, 10, 11], [12, 13]), **close)


def test_a_clip_alone_and_in_a_batch_pretraining() -> None:
    config = tiny_config()
    model = model_of(HeroForPretraining, config)
    clips = uneven_clips()
    masks = [np.arange(len(clip.features)) % 4 == 1 for clip in clips]
    words = [[np.array([0])] * len(clip.sentences) for clip in clips]
    hidden = [[np.array([3])] * len(clip.sentences) for clip in clips]
    moved = [np.array([1, 3])] * 3
    frames = model(collate.masked_frame_batch(clips, masks, config))
    spoken = model(collate.masked_word_batch(clips, words, hidden, config))
    order = model(collate.frame_order_batch(clips, moved, [m[::-1] for m in moved], config))
    matched = model(collate.subtitle_match_batch(clips, [[1]] * 3, config))
    masked_before = np.cumsum([0] + [mask.sum() for mask in masks])
    for row, clip in enumerate(clips):
        alone = model(collate.masked_frame_batch([clip], [masks[row]], config))
        torch.testing.assert_close(
            alone.predicted, frames.predicted[masked_before[row] : masked_before[row + 1]], **close
        )
        alone = model(collate.masked_word_batch([clip], [words[row]], [hidden[row]], config))
        torch.testing.assert_close(alone.logits, spoken.logits[3 * row : 3 * row + 3], **close)
        alone = model(collate.frame_order_batch([clip], [moved[row]], [moved[row][::-1]], config))
        length = len(clip.features)
        torch.testing.assert_close(alone.logits[0, :length], order.logits[row, :length], **close)
        alone = model(collate.subtitle_match_batch([clip], [[1]], config))
        torch.testing.assert_close(alone.start[0], matched.start[row, :length], **close)
        torch.testing.assert_close(alone.scores[0, 0], matched.scores[row, row], **close)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=1, max_size=8))
def test_packing_keeps_every_frame_and_word(shape: list[tuple[int, int]]) -> None:
    frames = [np.arange(f) + 10 * s for s, (f, _) in enumerate(shape)]
    words = [np.arange(w) + 100 * s for s, (_, w) in enumerate(shape)]
    packed, ranks, frame_source, word_source = pack(words, frames)
    assert sum(count * length for count, length in packed.runs) == sum(f + w for f, w in shape)
    assert [length for _, length in packed.runs] == sorted({f + w for f, w in shape if f + w})
    assert np.array_equal(np.concatenate(frames)[frame_source], packed.frames)
    assert np.array_equal(np.concatenate(words)[word_source], packed.word_ids)
    both = torch.cat([packed.frames, packed.word_ids + 1000])[packed.order]
    starts = np.cumsum([0] + [length for count, length in packed.runs for _ in range(count)])
    for sentence, rank in enumerate(ranks):
        if rank >= 0:
            found = both[starts[rank] : starts[rank + 1]].tolist()
            assert found == [*frames[sentence].tolist(), *(words[sentence] + 1000).tolist()]


def test_packed_texts_equal_padded_ones() -> None:
    """The packed encoder against the library's own BERT encoder with padding and a mask."""
    from transformers.models.bert.modeling_bert import BertEncoder

    config = tiny_config(num_hidden_layers=2)
    model = model_of(HeroModel, config)
    library = BertEncoder(config.layers(2, "eager")).eval()
    library.load_state_dict(model.cross_modal.state_dict())
    batch = pack_texts([np.array([5, 6, 7, 8]), np.array([9]), np.array([10, 11])])
    padded = model.text_embedder(batch.packed.word_ids, batch.packed.word_positions)[batch.packed.order][batch.places]
    additive = torch.where(batch.mask, 0.0, -1e9)[:, None, None, :]
    theirs = library(padded, attention_mask=additive).last_hidden_state
    torch.testing.assert_close(model.encode_texts(batch)[batch.mask], theirs[batch.mask], **close)


@pytest.mark.parametrize("layers", [1, 2])
def test_outputs_at_places_are_those_of_the_whole(layers: int) -> None:
    """Values and gradients; what nobody reads adds none."""
    model = model_of(HeroModel, tiny_config(num_hidden_layers=layers)).double()
    clips = collate.clip_batch(uneven_clips(), model.config).to(torch.float64)
    runs, places = clips.packed.runs, clips.packed.frame_places[[3, 0, 5]]
    x = torch.randn(len(clips.packed.order), model.config.hidden_size, dtype=torch.float64, requires_grad=True)
    found = []
    for output in (
        model.cross_modal.forward_packed(x, runs)[places],
        model.cross_modal.forward_packed(x, runs, places),
    ):
        wanted = [x, *model.cross_modal.parameters()]
        found.append([output, *torch.autograd.grad((output * torch.arange(1, 4)[:, None]).sum(), wanted)])
    for whole, ours in zip(*found, strict=True):
        torch.testing.assert_close(ours, whole, rtol=1e-10, atol=1e-12)
    rows = []
    model.cross_modal.layer[-1].intermediate.register_forward_hook(lambda _, __, out: rows.append(out.shape[-2]))
    model(clips)
    assert rows == [len(clips.packed.frame_places)]
    assert len(model.cross_modal.forward_packed(x, runs, places[:0])) == 0


@pytest.mark.parametrize(
    ("kind", "architecture"),
    [(HeroForPretraining, "hero")]
    + [(HeroForMomentRetrieval, name) for name in ("hero", "h_trm", "f_trm", "xml")]
    + [(HeroForQuestionAnswering, name) for name in ("hero", "h_trm", "f_trm", "stage")],
)
def test_save_load_same_outputs(kind: type[HeroPreTrainedModel], architecture: str, tmp_path: Path) -> None:
    config = tiny_config(architecture=architecture, matching_start=True)
    model = model_of(kind, config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)  # so that a start at identity would show
    model.save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "model.safetensors"}
    loaded = kind.from_pretrained(tmp_path).eval()
    clips = uneven_clips()
    if kind is HeroForQuestionAnswering:
        batch = collate.question_batch(
            clips, [(np.array([5]), [np.array([6]), np.array([7])])] * 3, [0, 0, 1], [(0, 1)] * 3, config
        )
    else:
        batch = collate.moment_batch(clips, [np.array([5, 6])] * 3, [0, 1, 2], [(0, 1)] * 3, config)
    assert float(model(batch).loss) == float(loaded(batch).loss)


def test_fine_tuning_starts_from_pretraining(tmp_path: Path) -> None:
    model = model_of(HeroForPretraining, tiny_config())
    model.save_pretrained(tmp_path)
    moment = HeroForMomentRetrieval.from_pretrained(tmp_path)
    for name, value in moment.state_dict().items():
        assert torch.equal(value, model.state_dict()[name])


@pytest.mark.parametrize("lengths", [[2], [2, 3, 11], [1, 2], [2, 16]])
def test_a_clip_shorter_than_the_shortest_span_is_one_moment(lengths: list[int]) -> None:
    """Whatever else is in the index; a clip of three frames or more has its spans of 3 to 16 frames."""
    config = tiny_config()
    head = model_of(HeroForMomentRetrieval, config).moment_head
    rng = torch.Generator().manual_seed(0)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    frames = torch.randn(*mask.shape, config.hidden_size, generator=rng) * mask[..., None]
    queries = torch.randn(2, config.hidden_size, generator=rng)
    with torch.inference_mode():
        index = FrameIndex.of(frames, mask, head)
        everywhere = find_moments(queries, index, head)[0]
        own = find_in_own_clip(queries, torch.tensor([0, 0]), index, head)
    expected = [
        [clip, first, first + width - 1]
        for clip, length in enumerate(lengths)
        for width in range(min(length, 3), min(length, 16) + 1)
        for first in range(length - width + 1)
    ]
    for query in range(2):
        real = everywhere.score[query] > 0
        rows = torch.stack([everywhere.clip, everywhere.first, everywhere.last])[:, query, real].T.tolist()
        assert sorted(rows) == sorted(expected)
        assert int((own.score[query] > 0).sum()) == 1
        assert (int(own.first[query, 0]), int(own.last[query, 0])) == (0, lengths[0] - 1)


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize(
    ("clips", "owners", "nothing"), [(1, [0, 0], "both"), (2, [0, 0], "queries"), (2, [0], "queries")]
)
def test_sampled_negatives_where_there_are_none(clips: int, owners: list[int], nothing: str, hard: bool) -> None:
    """Equal scores lose the margin; where there is nothing to compare with, nothing. Gradients are finite."""
    config = tiny_config(use_all_negatives=False)
    scores = torch.zeros(len(owners), clips, requires_grad=True)
    by_clip, by_query = ranking_losses(scores, torch.tensor(owners), config, hard)
    assert by_query.tolist() == [0.0] * len(owners)
    expected = 0.0 if nothing == "both" else config.ranking_margin
    torch.testing.assert_close(by_clip, torch.full_like(by_clip, expected))
    (by_clip.sum() + by_query.sum()).backward()
    assert scores.grad is not None
    assert bool(scores.grad.isfinite().all())


def test_a_sampled_negative_is_never_the_own_clip_or_query() -> None:
    """Own ones score 1, others 0: no loss. One of the own as the negative would lose the margin."""
    config = tiny_config(use_all_negatives=False)
    owners = torch.tensor([0, 0, 1, 2])
    scores = torch.nn.functional.one_hot(owners, 3).float()
    for _ in range(20):
        assert [part.tolist() for part in ranking_losses(scores, owners, config)] == [[0.0] * 4] * 2


def test_unknown_dialect_and_architecture_are_named() -> None:
    with pytest.raises(ValueError, match="dialect must be one of official, paper, got 'british'"):
        tiny_config(dialect="british")
    with pytest.raises(ValueError, match=r"architecture must be one of hero, .* got 'gru'"):
        HeroForMomentRetrieval(tiny_config(architecture="gru"))
    assert set(ENCODERS) == {"hero", "h_trm", "f_trm", "xml", "stage"}


def official_state(model: HeroForPretraining) -> dict[str, torch.Tensor]:
    """Our state dict under the authors' names, with what theirs holds beside it."""
    import re

    found: dict[str, torch.Tensor] = {}
    for name, value in model.state_dict().items():
        for pattern, ours in OFFICIAL_KEYS:
            if name.startswith(ours.rstrip("$")):
                plain = re.sub(r"\\(.)", r"\1", pattern).rstrip("$")
                found[plain + name[len(ours) :]] = value.clone()
                break
        else:
            raise AssertionError(f"no official name for {name}")
    found["v_encoder.f_encoder.pooler.dense.weight"] = torch.zeros(2, 2)
    found["v_encoder.f_encoder.lm_head.decoder.weight"] = model.hero.text_embedder.words.weight.detach().clone()
    return found


def test_converted_checkpoint_gives_the_same_outputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tiny_config(dialect="official", fom_classes=100)
    model = model_of(HeroForPretraining, config)
    state = official_state(model)
    assert all(our_key(name) is not None or "pooler" in name or "decoder" in name for name in state)
    torch.save(state | {"stray.weight": torch.zeros(1)}, tmp_path / "authors.pt")
    out = tmp_path / "converted"
    assert main(["convert", str(tmp_path / "authors.pt"), str(out), "--heads", "4"]) == 0
    report = capsys.readouterr().err
    assert "missing, at random: nothing" in report
    assert "left over: stray.weight" in report
    loaded = HeroForPretraining.from_pretrained(out).eval()
    assert loaded.config.dialect == "official"
    batch = collate.clip_batch(uneven_clips(), config)
    assert torch.equal(model.hero(batch).frames, loaded.hero(batch).frames)
    tuned = convert(read_state_dict(tmp_path / "authors.pt"), "moment", heads=4)
    assert isinstance(tuned.model, HeroForMomentRetrieval)
    assert not tuned.missing


def test_old_names_of_normalisation_weights_are_read() -> None:
    assert our_key("v_encoder.f_encoder.embeddings.LayerNorm.gamma") == "hero.text_embedder.norm.weight"
    assert our_key("v_encoder.f_encoder.embeddings.LayerNorm.beta") == "hero.text_embedder.norm.bias"


@pytest.mark.parametrize("damage", ["cut", "text", "pickle", "missing", "shape", "list"])
def test_a_wrong_checkpoint_is_refused_by_name(damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = official_state(model_of(HeroForPretraining, tiny_config(dialect="official")))
    path = tmp_path / "authors.pt"
    expected = "authors.pt"
    if damage == "missing":
        del state["v_encoder.c_encoder.embeddings.LayerNorm.weight"]
        expected = "lacks hero.temporal_positions.norm.weight"
    if damage == "shape":
        state["v_encoder.frame_transform.net.1.weight"] = torch.zeros(3, 3)
        expected = "hero.frame_transform.projection.weight has shape [3, 3]"
    torch.save(state if damage != "list" else [1, 2], path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    if damage == "text":
        path.write_bytes(b"this is no checkpoint")
    if damage == "pickle":
        torch.save({"weight": Path("/")}, path)
        expected = "holds more than tensors"
    assert main(["convert", str(path), str(tmp_path / "out"), "--heads", "4"]) == 2
    assert expected in capsys.readouterr().err.replace("\n", " ")
    assert not (tmp_path / "out").exists()


def test_a_model_folder_with_a_missing_weight_is_refused(tmp_path: Path) -> None:
    from hero_model.checkpoints.model_folder import load_model

    model = model_of(HeroForMomentRetrieval, tiny_config())
    model.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["hero.temporal_positions.norm.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"hero\.temporal_positions\.norm\.weight"):
        load_model(HeroForMomentRetrieval, tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\x08" + bytes(30))
    with pytest.raises(InputError, match="no finished model"):
        load_model(HeroForMomentRetrieval, tmp_path)


@pytest.mark.golden
@pytest.mark.skipif(not (golden.GOLDEN / "config.json").exists(), reason=f"no golden folder at {golden.GOLDEN}")
def test_golden_checkpoint_converts_whole() -> None:
    official = load_file(golden.GOLDEN / "state_dict.safetensors")
    converted = convert(official, "pretraining", heads=golden.config().num_attention_heads)
    assert converted.missing == []
    assert converted.left_over == []
    for name, value in map_keys(official)[0].items():
        assert torch.equal(converted.model.state_dict()[name], value)
    for field in ("hidden_size", "num_hidden_layers", "num_temporal_layers", "feature_size", "vocab_size"):
        assert getattr(converted.model.config, field) == getattr(golden.config(), field)
