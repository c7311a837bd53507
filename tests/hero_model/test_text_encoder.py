"""The text side started from an encoder of the BERT and the RoBERTa family."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, GPT2Config, GPT2Model, RobertaConfig, RobertaModel

from hero_model.batch import pack_texts
from hero_model.data import word_ids
from hero_model.errors import InputError
from hero_model.modeling import HeroModel
from hero_model.text_encoder import from_text_encoder, load_tokenizer, minilm_folder


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
