"""Each row of the dialect table (docs/hero.md), computed by hand for `paper`, beside what `official` does."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from transformers import RobertaConfig, RobertaModel

from evaluation.release import SubtitleLine
from hero_model.checkpoints.text_encoder import from_text_encoder, load_tokenizer, minilm_folder
from hero_model.config import DIALECTS, HeroConfig
from hero_model.data import collate, masking
from hero_model.data.alignment import align_frames, join_unmatched
from hero_model.data.examples import Clip, Query, make_clip
from hero_model.data.schedule import moment_batches, task_batch
from hero_model.models.heads import AnswerHead, MomentHead, feature_head, order_head
from hero_model.models.hero import HeroModel
from hero_model.models.losses import frame_contrast_logits, frame_regression
from hero_model.models.pretraining import HeroForPretraining
from hero_model.presets import PRESETS
from tests.hero_model.tiny_world import tiny_clip, tiny_clips, tiny_config

FIELD = re.compile(r"`(\w+)`")


def test_every_row_has_a_value_in_both_dialects() -> None:
    assert DIALECTS["official"].keys() == DIALECTS["paper"].keys()
    for name, rows in DIALECTS.items():
        config = tiny_config(dialect=name)
        assert {field: getattr(config, field) for field in rows} == rows


@pytest.mark.parametrize("field", [name for name in DIALECTS["paper"] if name != "queries_per_video"])
@pytest.mark.parametrize(("dialect", "other"), [("official", "paper"), ("paper", "official")])
def test_each_row_can_be_set_alone(dialect: str, other: str, field: str, tmp_path: Path) -> None:
    """Also after saving. The share and the number of VSM queries are one row: one of them is given."""
    row = ("queries_per_video", "query_share") if field == "query_share" else (field,)
    changes = {name: DIALECTS[other][name] for name in row}
    tiny_config(dialect=dialect, **changes).save_pretrained(tmp_path)
    loaded = HeroConfig.from_pretrained(tmp_path)
    assert {name: getattr(loaded, name) for name in DIALECTS[dialect]} == DIALECTS[dialect] | changes


def test_the_documents_table_has_every_row_and_this_file_a_test_of_each() -> None:
    table = (Path(__file__).parents[3] / "docs/hero.md").read_text().split("## Two dialects")[1].split("\n## ")[0]
    rows = {name for line in table.splitlines() if line.startswith("| `") for name in FIELD.findall(line.split("|")[1])}
    assert rows == DIALECTS["paper"].keys()
    tests = [name for name in globals() if name.startswith("test_")]
    untested = [field for field in DIALECTS["paper"] if not any(name.startswith(f"test_{field}") for name in tests)]
    assert untested == ["queries_per_video"]  # one row with query_share


def layer_norm(x: np.ndarray, eps: float = 1e-5) -> np.ndarray:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)


def test_frame_residual() -> None:
    """paper: what is added back is the embedder's output, LN(Linear(LN(v)) + position in the clip + segment)."""
    torch.manual_seed(0)
    model = HeroModel(tiny_config()).double().eval()
    clip = tiny_clip(np.random.default_rng(0))
    encoding = model(collate.clip_batch([clip], model.config).to(torch.float64))
    embedder = {name: value.numpy() for name, value in model.frame_embedder.state_dict().items()}
    projected = layer_norm(clip.features.astype(np.float64)) @ embedder["projection.weight"].T
    positions = embedder["positions.weight"][: len(clip.features)]
    segment = model.text_embedder.segments.weight[1].detach().numpy()
    by_hand = layer_norm(projected + embedder["projection.bias"] + positions + segment)
    added = (encoding.temporal_input - encoding.collected)[0].detach().numpy()
    np.testing.assert_allclose(added, by_hand, atol=1e-12)

    official = HeroModel(tiny_config(dialect="official")).eval()
    encoding = official(collate.clip_batch([clip], official.config))
    assert bool((encoding.temporal_input - encoding.collected >= -1e-6).all())  # a ReLU of its own


def test_join_unmatched() -> None:
    """paper: [7] has no frame and joins the nearer neighbour, after whose words it was said."""
    words = [np.array([5, 6]), np.array([7]), np.array([8, 9])]
    frames = [np.array([0, 1]), np.array([], np.int64), np.array([5])]
    times = [(0.0, 3.0), (3.5, 3.6), (7.5, 9.0)]
    joined, kept = join_unmatched(words, frames, times)
    assert [w.tolist() for w in joined] == [[5, 6, 7], [8, 9]]
    assert [f.tolist() for f in kept] == [[0, 1], [5]]
    joined, _ = join_unmatched(words, frames, [(0.0, 3.0), (6.9, 7.0), (7.5, 9.0)])
    assert [w.tolist() for w in joined] == [[5, 6], [7, 8, 9]]


def test_join_unmatched_in_clips() -> None:
    tokenizer = load_tokenizer(minilm_folder())
    subtitles = [
        SubtitleLine("one two", 0.0, 2.9),
        SubtitleLine("three", 1.0, 1.2),  # too short to win a frame
        SubtitleLine("four", 3.0, 6.0),
    ]
    features = np.ones((4, 24), np.float32)
    frames = align_frames([(s.start, s.end) for s in subtitles], 4, 1.5).frames
    assert [own.tolist() for own in frames] == [[0, 1], [], [2, 3]]
    lengths = {}
    for dialect in DIALECTS:
        clip = make_clip("clip", features, subtitles, tokenizer, tiny_config(dialect=dialect))
        lengths[dialect] = [len(words) for words in clip.sentences]
        kept = [words for words in clip.sentences if len(words)]
        assert clip.matched == ([0, 2] if dialect == "official" else [0, 1])
        assert len(kept) == len(clip.sentences)
    assert lengths == {"official": [2, 1, 1], "paper": [3, 1]}


def test_last_sentence_limit() -> None:
    """paper: every frame that overlaps; official: a last sentence above 16 s keeps 11 frames."""
    times = [(0.0, 1.5), (1.5, 31.5)]
    limits = [tiny_config(dialect=name).last_sentence_limit for name in ("paper", "official")]
    assert [len(align_frames(times, 30, 1.5, limit).frames[1]) for limit in limits] == [20, 11]


def test_query_share() -> None:
    """paper: 15 % of 20 sentences are 3, of 4 sentences 1; official: 5, the last repeated where there are fewer."""

    def clip(sentences: int) -> Clip:
        frames = [np.array([s]) for s in range(sentences)]
        return Clip("clip", np.zeros((sentences, 24), np.float32), [np.array([5])] * sentences, frames)

    rng = np.random.default_rng(0)
    counts = {
        name: [len(masking.query_sentences(clip(n), tiny_config(dialect=name), rng)) for n in (20, 4)]
        for name in DIALECTS
    }
    assert counts == {"paper": [3, 1], "official": [5, 5]}
    repeated = masking.query_sentences(clip(4), tiny_config(dialect="official"), rng)
    assert repeated == [0, 1, 2, 3, 3]
    silent = Clip("clip", np.zeros((3, 24), np.float32), [], [])
    assert masking.query_sentences(silent, tiny_config(), rng) == []


def test_span_loss_share() -> None:
    """paper: always; official: one step in five."""
    shares = {}
    for name in DIALECTS:
        config = tiny_config(dialect=name)
        batches = [task_batch("vsm", tiny_clips(1, 0), config, np.random.default_rng(seed)) for seed in range(200)]
        shares[name] = np.mean([batch.with_span_loss for batch in batches])
    assert shares["paper"] == 1.0
    assert 0.1 < shares["official"] < 0.3


def test_span_loss_share_in_fine_tuning() -> None:
    """The released configuration drops the span loss in four of five steps there, too; all batches of a step agree."""
    clips = {clip.name: clip for clip in tiny_clips(2, 0)}
    queries = [Query(number, np.array([7]), name, (0, 3)) for number, name in enumerate(clips)]
    stage = replace(PRESETS["tiny"].moment, clips=1, subtitle_queries=0, accumulate=2)
    shares = {}
    for name in DIALECTS:
        batches = moment_batches(clips, queries, tiny_config(dialect=name), stage, seed=0)
        active = np.array([batches(number).with_span_loss for number in range(400)]).reshape(200, 2)
        assert (active[:, 0] == active[:, 1]).all()
        shares[name] = active.mean()
    assert shares["paper"] == 1.0
    assert shares["official"] == pytest.approx(0.2, abs=0.06)


def test_squared_mffr() -> None:
    """Differences (3, 4) and (0, 2): paper (25 + 4) / 2, official (5 + 2) / 2."""
    predicted, target = torch.tensor([[3.0, 4.0], [1.0, 2.0]]), torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    assert float(frame_regression(predicted, target, squared=True)) == 14.5
    assert float(frame_regression(predicted, target, squared=False)) == 3.5


def test_nce_negatives() -> None:
    """paper: the own feature against predictions at unmasked frames; official: the other targets, too."""
    predicted, target = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([[3.0, 1.0], [5.0, 7.0]])
    others = torch.tensor([[1.0, 1.0]])
    logits, labels = frame_contrast_logits(predicted, target, others, 1.0, other_targets=False)
    assert logits.tolist() == [[3.0, 1.0], [14.0, 2.0]]
    assert labels.tolist() == [0, 0]
    logits, labels = frame_contrast_logits(predicted, target, others, 1.0, other_targets=True)
    assert logits.tolist() == [[3.0, 5.0, 1.0], [2.0, 14.0, 2.0]]
    assert labels.tolist() == [0, 1]


def test_nce_negatives_and_padding() -> None:
    rng = np.random.default_rng(0)
    clips = [tiny_clip(rng, "short", 6), tiny_clip(rng, "long", 11)]
    masks = [np.arange(n) == 2 for n in (6, 11)]
    slots = {}
    for name in DIALECTS:
        config = tiny_config(dialect=name)
        out = HeroForPretraining(config)(collate.masked_frame_batch(clips, masks, config))
        slots[name] = len(out.others)
    assert slots == {"paper": 5 + 10, "official": 2 * 11 - 2}


def test_nce_sample() -> None:
    """paper: ten unmasked frames of each clip, drawn; official: every slot of the batch."""
    rng = np.random.default_rng(0)
    clips = [tiny_clip(rng, "long", 19), tiny_clip(rng, "short", 6)]
    sizes, drawn = {}, set()
    for name in DIALECTS:
        config = tiny_config(dialect=name)
        for seed in range(5):
            batch = task_batch("mnce", clips, config, np.random.default_rng(seed))
            sizes[name, seed] = len(HeroForPretraining(config)(batch).others), int(batch.masked.sum())
            if batch.negatives is not None:
                assert not bool((batch.negatives & batch.masked).any())
                drawn.add(tuple(batch.negatives[0].tolist()))
    assert len(drawn) == 5
    for seed in range(5):
        masked_of_short = 6 - (sizes["paper", seed][0] - 10)
        assert 1 <= masked_of_short <= sizes["paper", seed][1] - 1
        assert sizes["official", seed][0] == 2 * 19 - sizes["official", seed][1]
    negatives = masking.negative_frames(np.arange(19) < 3, tiny_config(), rng)
    assert int(negatives.sum()) == 10
    assert not negatives[:3].any()


def test_fom_moves() -> None:
    """paper: two frames or more, and not all stay; official: chance alone decides, 15 % of the frames each."""
    rng = np.random.default_rng(0)
    draws = {
        name: [masking.shuffled_frames(n, tiny_config(dialect=name), rng) for n in (2, 6, 20) for _ in range(300)]
        for name in DIALECTS
    }
    moved = {name: np.array([(old != new).any() for old, new in own]) for name, own in draws.items()}
    assert moved["paper"].all()
    assert 0.2 < moved["official"].mean() < 0.6
    assert min(len(chosen) for chosen, _ in draws["paper"]) == 2
    assert min(len(chosen) for chosen, _ in draws["official"]) == 0
    share = np.mean([len(chosen) / 20 for chosen, _ in draws["official"][600:]])
    assert share == pytest.approx(0.15, abs=0.02)
    for own in draws.values():
        assert all(sorted(new) == old.tolist() for old, new in own)
    assert [part.tolist() for part in masking.shuffled_frames(1, tiny_config(), rng)] == [[0], [0]]


def test_separate_span_heads() -> None:
    """paper: the end is told by an MLP of its own; official: by the second output of the one MLP."""
    frames, mask, answers = torch.randn(2, 3, 5, 32), torch.ones(2, 5, dtype=torch.bool), torch.tensor([0, 1])
    for dialect, changes_end in (("paper", False), ("official", True)):
        head = AnswerHead(tiny_config(dialect=dialect))
        before = head(frames, mask, answers)[1]
        first = head.span.start[0] if dialect == "paper" else head.span[0]
        with torch.no_grad():
            first.weight.add_(torch.randn_like(first.weight))
        changed = ~torch.isclose(head(frames, mask, answers)[1], before).all(1).all(0)
        assert before.shape == (2, 5, 2)
        assert changed.tolist() == [True, changes_end]


def test_text_start(tmp_path: Path) -> None:
    """paper: as the encoder has it; official: RoBERTa's rows from the first on, own epsilons, a new norm for frames."""
    source = RobertaModel(
        RobertaConfig(
            vocab_size=30522, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
            max_position_embeddings=40, layer_norm_eps=1e-3,
        ),
        add_pooling_layer=False,
    )  # fmt: skip
    torch.nn.init.normal_(source.embeddings.LayerNorm.weight)
    source.save_pretrained(tmp_path)
    load_tokenizer(minilm_folder()).save_pretrained(tmp_path)
    positions, norm = source.embeddings.position_embeddings.weight, source.embeddings.LayerNorm.weight
    for dialect, first, eps in (("paper", 2, (1e-3, 1e-3)), ("official", 0, (1e-12, 1e-5))):
        model, _ = from_text_encoder(HeroModel, tmp_path, [0], dialect=dialect, num_temporal_layers=1, feature_size=8)
        assert torch.equal(model.text_embedder.positions.weight, positions[first:])
        assert model.config.max_position_embeddings == 40 - first
        assert (model.cross_modal.layer[0].output.LayerNorm.eps, model.text_embedder.norm.eps) == eps
        assert torch.equal(model.text_embedder.norm.weight, norm)
        assert torch.equal(model.frame_embedder.norm.weight, norm if dialect == "paper" else torch.ones(16))


def test_fom_classes() -> None:
    """paper: a clip of 6 frames has 6 classes; official: always 100."""
    model = HeroForPretraining(tiny_config())
    mask = torch.tensor([[True] * 6 + [False] * 2])
    probabilities = model.order_logits(torch.randn(1, 8, 32), mask).softmax(-1)
    assert bool((probabilities[..., :6] > 0).all())
    assert not bool(probabilities[..., 6:].any())
    official = HeroForPretraining(tiny_config(dialect="official"))
    assert official.order_logits(torch.randn(1, 8, 32), mask).shape[-1] == 100


def test_linear_heads() -> None:
    """paper: one fully connected layer; official: two with GELU and LN."""
    assert isinstance(feature_head(tiny_config()), nn.Linear)
    assert isinstance(order_head(tiny_config()), nn.Linear)
    for head in (feature_head(tiny_config(dialect="official")), order_head(tiny_config(dialect="official"))):
        assert [type(layer) for layer in head] == [nn.Linear, nn.GELU, nn.LayerNorm, nn.Linear]


def test_project_span_query() -> None:
    """paper (Eq. 5): V.q; official: V.(Wq)."""
    frames = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
    query, mask = torch.tensor([[2.0, 3.0]]), torch.ones(1, 3, dtype=torch.bool)
    for dialect, expected in (("paper", [2.0, 3.0, 5.0]), ("official", [3.0, 2.0, 5.0])):
        head = MomentHead(tiny_config(dialect=dialect, hidden_size=2, num_attention_heads=1))
        with torch.no_grad():
            for kernel in (head.start_filter, head.end_filter):
                kernel.weight.copy_(torch.tensor([[[0.0, 0.0, 1.0, 0.0, 0.0]]]))
            if dialect == "official":
                head.query_projection.weight.copy_(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
                head.query_projection.bias.zero_()
        start, end = head.span_logits(query, frames, mask)
        assert start.tolist() == [[expected]]
        assert end.tolist() == [[expected]]


@pytest.mark.parametrize(
    ("dialect", "by_hand"),
    [("paper", [1 + 2, 1 + 2 + 2, 2 + 2]), ("official", [1 + 2, 1 + 2 + 2, 2 + 2 + 9])],
)
def test_spans_see_padding(dialect: str, by_hand: list[float]) -> None:
    """Similarities 1, 2, 2 and 9 at the padded place, a filter that sums three neighbours."""
    head = MomentHead(tiny_config(dialect=dialect, hidden_size=2, num_attention_heads=1))
    with torch.no_grad():
        head.start_filter.weight.copy_(torch.tensor([[[0.0, 1.0, 1.0, 1.0, 0.0]]]))
        mask = torch.tensor([[True, True, True, False]])
        start, _ = head.filtered(torch.tensor([[1.0, 2.0, 2.0, 9.0]]), mask)
    assert start[0, :3].tolist() == by_hand
    assert float(start[0, 3]) == -1e4
