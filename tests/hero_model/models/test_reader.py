"""The frozen text encoder beside HERO: what it knows, what moment retrieval makes of it, and that it stays as it is."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, BertConfig, BertModel, PreTrainedTokenizerBase

from evaluation.release import SubtitleLine
from hero_model.__main__ import main
from hero_model.checkpoints.model_folder import holds_reader, load_model
from hero_model.checkpoints.text_encoder import fill_reader, from_text_encoder, minilm_folder
from hero_model.data.collate import moment_batch, spoken_batch
from hero_model.data.examples import Clip, make_clip, word_ids
from hero_model.data.packing import pack_texts
from hero_model.data.sequences import query_ids
from hero_model.errors import InputError
from hero_model.inference.index import encode_queries, index_clips
from hero_model.inference.retrieval import find_in_own_clip, find_moments
from hero_model.models.moment import HeroForMomentRetrieval
from tests.hero_model.tiny_release import write_release

SAID = {
    "kitchen": ["First we cut the onions into small pieces.", "", "Now the oil is hot enough for the fish."],
    "garden": ["The tulips need water in the morning.", "A snail sits on the wall.", "Let us plant the apple tree."],
}
SECONDS = 6.0  # of a sentence: four frames

Loaded = tuple[HeroForMomentRetrieval, PreTrainedTokenizerBase]


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    torch.manual_seed(0)
    model, tokenizer = from_text_encoder(
        HeroForMomentRetrieval, minilm_folder(), [0], feature_size=8, reader_layers=1, matching_start=True,
        num_temporal_layers=1, min_span_frames=2, span_similarity_scale=0.0, reader_threshold=0.2, reader_weight=5.0,
    )  # fmt: skip
    return model.eval(), tokenizer


def clips_of(loaded: Loaded) -> list[Clip]:
    model, tokenizer = loaded
    rng = np.random.default_rng(0)
    return [
        make_clip(
            name,
            rng.standard_normal((12, 8)).astype(np.float32),
            [SubtitleLine(text, at * SECONDS, (at + 1) * SECONDS - 0.1) for at, text in enumerate(sentences) if text],
            tokenizer,
            model.config,
        )
        for name, sentences in SAID.items()
    ]


def test_it_reads_as_the_text_encoder_does(loaded: Loaded) -> None:
    model, tokenizer = loaded
    texts = [query_ids(word_ids(text, tokenizer), model.config) for text in SAID["garden"]]
    source = AutoModel.from_pretrained(minilm_folder()).eval()
    with torch.inference_mode():
        ours = model.reader(pack_texts(texts))
        states = [source(input_ids=torch.from_numpy(text)[None]).last_hidden_state[0].mean(0) for text in texts]
    torch.testing.assert_close(ours, torch.nn.functional.normalize(torch.stack(states), dim=-1), atol=1e-5, rtol=0)
    assert model.config.reader_layers == source.config.num_hidden_layers


@pytest.mark.parametrize(
    ("query", "clip", "sentence"),
    [
        ("Someone chops an onion.", 0, 0),
        ("The oil has the right temperature to fry fish.", 0, 2),
        ("Flowers should be watered early.", 1, 0),
        ("They put a tree into the ground.", 1, 2),
    ],
)
def test_before_any_training_the_frames_at_which_it_is_said_are_found(
    query: str, clip: int, sentence: int, loaded: Loaded
) -> None:
    model, tokenizer = loaded
    with torch.inference_mode():
        index = index_clips(model, clips_of(loaded))
        vectors = encode_queries(model, [word_ids(query, tokenizer)])
        own = find_in_own_clip(vectors, torch.tensor([clip]), index, model.moment_head)
        found, _, _ = find_moments(vectors, index, model.moment_head)
    frames = (4 * sentence, 4 * sentence + 3)
    assert (int(own.first[0, 0]), int(own.last[0, 0])) == frames
    assert (int(found.clip[0, 0]), int(found.first[0, 0]), int(found.last[0, 0])) == (clip, *frames)


def test_frames_at_which_nothing_is_said_have_no_vector(loaded: Loaded) -> None:
    """The kitchen's silent seconds; a clip without any sentence; beside frames that a longer clip pads."""
    model, tokenizer = loaded
    silent = make_clip("silent", np.zeros((5, 8), np.float32), [], tokenizer, model.config)
    clips = [*clips_of(loaded), silent]
    spoken = spoken_batch(clips, model.config)
    assert spoken is not None
    mask = torch.arange(12) < torch.tensor([[12], [12], [5]])
    with torch.inference_mode():
        lengths = model.reader.at_frames(spoken, mask).norm(dim=-1).round(decimals=4)
    assert lengths.tolist() == [[1.0] * 4 + [0.0] * 4 + [1.0] * 4, [1.0] * 12, [0.0] * 12]
    assert spoken_batch([silent], model.config) is None
    assert index_clips(model, [silent]).frames.shape == (1, 5, model.vector_size)


def test_it_is_never_trained_and_tells_training_nothing(loaded: Loaded) -> None:
    """A stream that knows words already would leave frames nothing to learn from."""
    model, tokenizer = loaded
    batch = moment_batch(clips_of(loaded), [word_ids("a tree", tokenizer)], [1], [(8, 11)], model.config)
    model.train()
    torch.manual_seed(0)
    loss = model(batch).loss
    loss.backward()
    assert not model.reader.training
    assert all(weight.grad is None for weight in model.reader.parameters())
    reader, model.reader = model.reader, None
    torch.manual_seed(0)
    assert torch.equal(model(batch).loss, loss)
    model.reader = reader
    model.eval()
    model.zero_grad()


def test_what_is_less_alike_than_the_threshold_says_nothing(loaded: Loaded) -> None:
    model, tokenizer = loaded
    with torch.inference_mode():
        index = index_clips(model, clips_of(loaded))
        vectors = encode_queries(model, [word_ids("Quarterly taxes", tokenizer)])
        own = model.moment_head.clip_scores(vectors[:, :384], index.frames[..., :384], index.mask)
        torch.testing.assert_close(model.moment_head.clip_scores(vectors, index.frames, index.mask), own)


def test_training_fills_it_after_pretraining(tmp_path: Path) -> None:
    """The folder of pre-training has none; the moment model's is MiniLM, bit by bit, and is loaded with it."""
    release, out = write_release(tmp_path / "release"), tmp_path / "out"
    assert main(["train", str(release), str(out), "--preset", "tiny", "--threads", "1",
                 *(f"--set={stage}.steps=1" for stage in ("pretraining", "moment", "qa"))]) == 0  # fmt: skip
    model, _ = load_model(HeroForMomentRetrieval, out / "moment")
    source = AutoModel.from_pretrained(minilm_folder())
    assert torch.equal(model.reader.text_embedder.words.weight, source.embeddings.word_embeddings.weight)
    for ours, theirs in zip(model.reader.layers.layer, source.encoder.layer, strict=True):
        assert torch.equal(ours.output.dense.weight, theirs.output.dense.weight)
    for task in ("pretraining", "qa"):
        assert not holds_reader(out / task)


def test_a_reader_of_other_sizes_is_refused(loaded: Loaded, tmp_path: Path) -> None:
    BertModel(BertConfig(vocab_size=model_words(loaded), hidden_size=384, num_hidden_layers=2,
                         num_attention_heads=6, intermediate_size=8)).save_pretrained(tmp_path)  # fmt: skip
    with pytest.raises(InputError, match="its num_hidden_layers is 2, the model's reader_layers is 6"):
        fill_reader(loaded[0], tmp_path)


def model_words(loaded: Loaded) -> int:
    return loaded[0].config.vocab_size


def test_xml_has_a_text_side_of_its_own() -> None:
    model, _ = from_text_encoder(
        HeroForMomentRetrieval, minilm_folder(), [0], architecture="xml", feature_size=8, reader_layers=1
    )
    assert model.reader is None
