"""What `transformers` expects of a model: the Auto classes, embeddings that grow, gradient checkpointing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel

from hero_model.data.schedule import task_batch
from hero_model.models.hero import HeroModel
from hero_model.models.moment import HeroForMomentRetrieval
from hero_model.models.pretraining import HeroForPretraining
from tests.hero_model.tiny_world import tiny_clips, tiny_config


def test_the_auto_classes_know_hero(tmp_path: Path) -> None:
    """Also in the folder of a model with heads, as the library does it: the encoder without them."""
    model = HeroForMomentRetrieval(tiny_config())
    model.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path)
    assert type(loaded) is HeroModel
    assert type(AutoModel.from_config(AutoConfig.from_pretrained(tmp_path))) is HeroModel
    for name, value in model.hero.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


def test_words_can_be_added() -> None:
    model = HeroForPretraining(tiny_config())
    words, rows = model.get_input_embeddings(), model.config.vocab_size
    assert words is model.hero.text_embedder.words is model.hero.get_input_embeddings()
    with torch.no_grad():
        model.word_head.bias.uniform_()
    bias = model.word_head.bias.detach().clone()
    model.resize_token_embeddings(rows + 3)
    assert model.config.vocab_size == rows + 3 == len(model.hero.text_embedder.words.weight)
    assert torch.equal(model.hero.text_embedder.words.weight[:rows], words.weight[:rows])
    assert torch.equal(model.word_head.bias, torch.cat([bias, torch.zeros(3)]))
    batch = task_batch("mlm", tiny_clips(2, seed=1), model.config, np.random.default_rng(0))
    assert model(batch).logits.shape[1] == rows + 3


@pytest.mark.parametrize("task", ["mlm", "vsm"])
def test_gradient_checkpointing_recomputes_layers_and_changes_no_gradient(task: str) -> None:
    torch.manual_seed(0)
    model = HeroForPretraining(tiny_config(num_hidden_layers=2)).train()
    batch = task_batch(task, tiny_clips(2, seed=1), model.config, np.random.default_rng(0))
    calls = []
    model.hero.cross_modal.layer[0].intermediate.register_forward_hook(lambda *_: calls.append(1))
    gradients, runs = [], []
    for checkpointing in (False, True):
        if checkpointing:
            model.activation_checkpointing_enable()
        calls.clear()
        model.zero_grad()
        model(batch).loss.backward()
        runs.append(len(calls))
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
    assert runs[1] == 2 * runs[0]
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient)
