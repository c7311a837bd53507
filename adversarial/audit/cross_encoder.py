"""The most expensive partial-input model: a text encoder with a multiple-choice head, fine-tuned on the options.

It reads the question with each option, and the loss compares the options of a question. MiniLM by default, whose
weights also give the matching its embeddings: it is reported beside the others and never decides what is replaced or
when to stop.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adversarial.audit.splits import AuditSplit
from adversarial.data.errors import ItemError
from adversarial.data.schema import Item
from adversarial.relevance.sentence_encoder import DEFAULT_MODEL, model_path
from evaluation.io.errors import refusing

Scores = NDArray[np.float64]

_EPOCHS = 2
_BATCH = 16  # questions
_RATE = 1e-4
_TOKENS = 48
_FROZEN = 2  # lower layers (and the word embeddings) that keep their weights: a third of the time, no accuracy


def cross_encoder(
    items: Sequence[Item],
    split: AuditSplit,
    seed: int,
    *,
    model: str = DEFAULT_MODEL,
    progress: Callable[[float], None] | None = None,
) -> Scores:
    """Scores [n_test, o] of a model fine-tuned on the split's training questions, -inf where there is no option.

    ``model`` is any encoder of transformers, by name or folder. Raises ItemError, naming it, where it cannot be loaded.
    """
    import torch
    from torch import nn
    from transformers import AutoModel, AutoTokenizer

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    folder = model_path(model)
    with refusing(f"model {model!r}: cannot be loaded", ItemError):
        tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        body: Any = AutoModel.from_pretrained(folder)
        layers = next(part for part in body.modules() if isinstance(part, nn.ModuleList))
    body.requires_grad_(False)
    for layer in layers[_FROZEN:]:
        layer.requires_grad_(True)
    head = nn.Linear(body.config.hidden_size, 1)
    weights = [weight for weight in (*body.parameters(), *head.parameters()) if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=_RATE, weight_decay=0.01)
    most = split.hidden.shape[1]

    def score(rows: NDArray[np.int64], hidden: NDArray[np.bool_]) -> torch.Tensor:
        places = [(at, option) for at, row in enumerate(rows) for option in range(len(items[row].answers))]
        places = [(at, option) for at, option in places if not hidden[at, option]]
        asked = [items[rows[at]].question for at, _ in places]
        said = [items[rows[at]].answers[option] for at, option in places]
        batch = tokenizer(asked, said, padding=True, truncation=True, max_length=_TOKENS, return_tensors="pt")
        states = body(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(2)
        logits = head((states * mask).sum(1) / mask.sum(1)).squeeze(1)
        table = torch.full((len(rows), most), float("-inf"))
        where = torch.tensor(places)
        return table.index_put((where[:, 0], where[:, 1]), logits)

    lengths = np.array([len(item.question) + max(map(len, item.answers)) for item in items])
    order = np.random.default_rng(seed)
    steps = _EPOCHS * -(-len(split.train) // _BATCH)
    done = 0
    body.train()
    for _ in range(_EPOCHS):
        for rows in _batches(split.train, lengths, order):
            for group in optimiser.param_groups:
                group["lr"] = _RATE * min(1.0, (done + 1) / (0.1 * steps)) * (1 - done / steps)
            truth = torch.tensor([items[row].answer_idx for row in rows])
            loss = nn.functional.cross_entropy(score(rows, split.hidden[rows]), truth)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            done += 1
            if progress:
                progress(done / (steps + 1))
    body.eval()
    with torch.no_grad():
        blocks = [split.test[start : start + 64] for start in range(0, len(split.test), 64)]
        out = torch.cat([score(rows, np.zeros((len(rows), most), bool)) for rows in blocks])
    torch.set_num_threads(threads)
    return out.numpy().astype(np.float64)


def _batches(
    train: NDArray[np.int64], lengths: NDArray[np.int64], order: np.random.Generator
) -> list[NDArray[np.int64]]:
    """The questions in a new order, in batches of about equal length: less padding, half of the time."""
    near = train[np.lexsort((order.random(len(train)), lengths[train] // 8))]
    batches = [near[start : start + _BATCH] for start in range(0, len(near), _BATCH)]
    return [batches[place] for place in order.permutation(len(batches))]
