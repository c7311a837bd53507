"""The query side of a moment model as one file that runs where PyTorch is, without this package.

Shapes: N queries, L tokens, S streams, D and E sizes of a vector.
"""

from copy import deepcopy
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from evaluation.io.atomic import atomic_file, json_bytes
from hero_model.data.batches import PaddedTexts
from hero_model.data.sequences import query_limit
from hero_model.errors import InputError
from hero_model.models.heads import l2_normalise
from hero_model.models.moment import HeroForMomentRetrieval
from hero_model.paths import writing

TOKENIZER, FACTS = "tokenizer.json", "query.json"  # lie in the file beside the program
READ_BY_QUERIES = ("text_embedder", "cross_modal")  # of the encoder; an export keeps every weight that it finds


class QuerySide(nn.Module):
    """Padded queries -> what a search multiplies with an index."""

    def __init__(self, model: HeroForMomentRetrieval) -> None:
        super().__init__()
        self.model = deepcopy(model)
        for name, _ in list(self.model.hero.named_children()):
            if name not in READ_BY_QUERIES:
                delattr(self.model.hero, name)

    def forward(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """ids [N, L], mask [N, L] bool, True at tokens, which come first; each query has at least one.

        vectors [N, D] as `encode_queries` gives them; clip_query [N, S, E] of length one, for cosines with a clip's
        frames; span_query [N, S, E], for products with frames.
        """
        head = self.model.moment_head
        vectors = self.model.encode_queries(PaddedTexts(ids, mask))
        return {
            "vectors": vectors,
            "clip_query": l2_normalise(head.clip_query(vectors)),
            "span_query": head.span_query(vectors),
        }


def export_queries(model: HeroForMomentRetrieval) -> ExportedProgram:
    """The program of QuerySide for any number of queries of any length up to `query_limit`."""
    side = QuerySide(model).eval().requires_grad_(False)
    shape = {0: Dim("queries"), 1: Dim("tokens", max=query_limit(model.config))}
    example = torch.full((2, 3), model.config.cls_token_id), torch.tensor([[True, True, True], [True, True, False]])
    return torch.export.export(side, example, dynamic_shapes=(shape, shape))


def save_query_side(model: HeroForMomentRetrieval, tokenizer: PreTrainedTokenizerBase, path: Path) -> None:
    """Write the program, the words of the tokenizer and the facts that make ids of a query. Raises InputError."""
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise InputError(f"the tokenizer is a {type(tokenizer).__name__}, which has no {TOKENIZER} to be exported")
    words = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    words.no_truncation()  # a file may bring both; queries are cut to the model's own length
    words.no_padding()
    facts = {
        "leading_token": model.config.cls_token_id,
        "most_tokens": query_limit(model.config),
        "vector_size": model.vector_size,
    }
    program = export_queries(model)
    with writing(path), atomic_file(path) as unfinished, unfinished.open("wb") as file:
        torch.export.save(
            program,
            file,
            extra_files={TOKENIZER: words.to_str(), FACTS: json_bytes(facts).decode()},
        )
