"""The text side started from an encoder of the BERT and the RoBERTa family."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import (
    AutoModel,
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2Model,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
)

from hero_model.checkpoints.text_encoder import from_text_encoder, load_tokenizer, minilm_folder, token_fields
from hero_model.data.examples import word_ids
from hero_model.data.masking import masked_words
from hero_model.data.packing import pack_texts
from hero_model.errors import InputError
from hero_model.models.hero import HeroModel


def test_all_layers_of_minilm_give_its_own_states() -> None:
    model, tokenizer = from_text_encoder(HeroModel, minilm_folder(), range(6), num_temporal_layers=1, feature_size=8)
    encoded = tokenizer(["A red circle leaves.", "Hello"], padding=True, return_tensors="pt")
    with torch.inference_mode():
        theirs = AutoModel.from_pretrained(minilm_folder()).eval()(**encoded).last_hidden_state
        mask = encoded["attention_mask"].bool()
        texts = [row[keep].numpy() for row, keep in zip(encoded["input_ids"], mask, strict=True)]
        ours = model.eval().encode_texts(pack_texts(texts))
    torch.testing.assert_close(ours[mask], theirs[mask], atol=2e-5, rtol=1e-4)
    assert model.config.mask_token_id == tokenizer.mask_token_id
    assert model.config.vocab_size == len(tokenizer)


def test_layers_are_spread_and_roberta_positions_start_at_zero(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=30522,
        hidden_size=16,
        num_hidden_layers=12,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=40,
        type_vocab_size=1,
    )
    roberta = RobertaModel(config, add_pooling_layer=False)
    roberta.save_pretrained(tmp_path)
    load_tokenizer(minilm_folder()).save_pretrained(tmp_path)
    model, _ = from_text_encoder(HeroModel, tmp_path, num_temporal_layers=1, feature_size=8)
    for ours, theirs in enumerate((1, 3, 5, 7, 9, 11)):
        copied = model.cross_modal.layer[ours].attention.self.query.weight
        assert torch.equal(copied, roberta.encoder.layer[theirs].attention.self.query.weight)
    positions = roberta.embeddings.position_embeddings.weight
    assert torch.equal(model.text_embedder.positions.weight, positions[2:])
    assert model.config.max_position_embeddings == 38


@pytest.mark.parametrize(
    ("positions", "lost", "spoilt", "expected"),
    [
        (7, (), (), "has positions for 7 tokens, expected at least 8"),
        (8, ("encoder.layer.0.output.dense.bias",), (), "lacks encoder.layer.0.output.dense.bias"),
        (
            8,
            ("encoder.layer.0.output.dense.bias", "embeddings.word_embeddings.weight"),
            (),
            "lacks embeddings.word_embeddings.weight and 1 more",
        ),
        (8, (), ("embeddings.LayerNorm.weight",), "embeddings.LayerNorm.weight holds values that are not finite"),
    ],
)
def test_an_encoder_that_would_start_at_random_or_as_no_number_is_refused(
    positions: int, lost: tuple[str, ...], spoilt: tuple[str, ...], expected: str, tmp_path: Path
) -> None:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(vocab_size=30522, max_position_embeddings=positions, **sizes)
    BertModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    load_tokenizer(minilm_folder()).save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights = {name: value * float("nan") if name in spoilt else value for name, value in weights.items()}
    left = {name: value for name, value in weights.items() if name not in lost}
    assert len(left) == len(weights) - len(lost)
    save_file(left, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match=re.escape(expected)):
        from_text_encoder(HeroModel, tmp_path, num_temporal_layers=1, feature_size=8)


def roberta_tokenizer(folder: Path, words: int, fillers: int) -> None:
    """Special ids as RoBERTa has them: four before the words, then its makers' fillers and the mask."""
    names = ["<s>", "<pad>", "</s>", "<unk>", *(f"w{number}" for number in range(words))]
    names += [*(f"madeupword{number:04}" for number in range(fillers)), "<mask>"]
    tokenizer = Tokenizer(WordLevel({name: number for number, name in enumerate(names)}, unk_token="<unk>"))
    special = {"cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token="<mask>", **special).save_pretrained(folder)


@pytest.mark.parametrize(("fillers", "rows"), [(0, 25), (3, 28), (3, 32)])
def test_random_words_of_roberta_are_never_special(fillers: int, rows: int, tmp_path: Path) -> None:
    """<mask> is the last id, and the embeddings may have more rows than the tokenizer has tokens."""
    config = RobertaConfig(
        vocab_size=rows, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    RobertaModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    roberta_tokenizer(tmp_path, 20, fillers)
    model, tokenizer = from_text_encoder(HeroModel, tmp_path, num_temporal_layers=1, feature_size=8)
    assert (model.config.first_word_id, model.config.last_word_id) == (4, 24)
    rng, sentences = np.random.default_rng(0), [np.full(50, 7)] * 40
    _, inputs = masked_words(sentences, model.config, rng)
    drawn = np.concatenate(inputs)
    random = drawn[(drawn != tokenizer.mask_token_id) & (drawn != 7)]
    assert len(random) > 5
    assert ((random >= 4) & (random < 24)).all()


def test_random_words_of_bert_start_behind_its_special_ones() -> None:
    fields = token_fields(load_tokenizer(minilm_folder()))
    assert (fields["first_word_id"], fields["last_word_id"]) == (104, 30522)


def test_a_folder_that_is_no_encoder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="no text encoder can be loaded from it"):
        from_text_encoder(HeroModel, tmp_path)
    config = RobertaConfig(
        vocab_size=20, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    RobertaModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="holds no tokenizer"):
        from_text_encoder(HeroModel, tmp_path)
    roberta_tokenizer(tmp_path, 20, 0)
    with pytest.raises(InputError, match="the tokenizer knows 25 tokens, the model 20"):
        from_text_encoder(HeroModel, tmp_path)


def test_another_family_or_layer_is_refused(tmp_path: Path) -> None:
    GPT2Model(GPT2Config(vocab_size=10, n_embd=8, n_layer=1, n_head=1)).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="is a gpt2, expected one of bert"):
        from_text_encoder(HeroModel, tmp_path)
    with pytest.raises(InputError, match=r"has layers 0\.\.5, asked for \[9\]"):
        from_text_encoder(HeroModel, minilm_folder(), [9])


def test_text_in_capitals_is_lowered() -> None:
    tokenizer = load_tokenizer(minilm_folder())
    assert np.array_equal(word_ids("WHO IS THAT", tokenizer), word_ids("who is that", tokenizer))
    assert len(word_ids("", tokenizer)) == 0
