"""Text embedder, video embedder and the positions of the temporal transformer (Sec. 3.1, Input Embedder)."""

from torch import Tensor, nn

from hero_model.config import HeroConfig

SEGMENT = 1  # the released code gives words and frames the same row of its two-row segment table


class TextEmbedder(nn.Module):
    """LN(word + position + segment)."""

    def __init__(self, config: HeroConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.words = nn.Embedding(config.vocab_size, size, padding_idx=config.pad_token_id)
        self.positions = nn.Embedding(config.max_position_embeddings, size)
        self.segments = nn.Embedding(2, size)
        self.norm = nn.LayerNorm(size, eps=config.embedding_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, ids: Tensor, positions: Tensor) -> Tensor:
        """ids, positions [...] -> [..., D]."""
        summed = self.words(ids) + self.positions(positions) + self.segments.weight[SEGMENT]
        return self.dropout(self.norm(summed))


class FrameEmbedder(nn.Module):
    """LN(Linear(LN(feature)) + position + segment)."""

    def __init__(self, config: HeroConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.mask_vectors = nn.Embedding(2, config.feature_size, padding_idx=0)
        self.feature_norm = nn.LayerNorm(config.feature_size, eps=config.embedding_norm_eps)
        self.projection = nn.Linear(config.feature_size, size)
        self.positions = nn.Embedding(config.max_frames, size)
        self.norm = nn.LayerNorm(size, eps=config.embedding_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, features: Tensor, positions: Tensor, segment: Tensor, masked: Tensor | None) -> Tensor:
        """features [..., V], positions [...], segment [D], masked [...] bool or None -> [..., D].

        Masked features must be zero already; their mask vector is added here.
        """
        if masked is not None:
            features = features + self.mask_vectors(masked.long())
        projected = self.projection(self.feature_norm(features))
        return self.dropout(self.norm(projected + self.positions(positions) + segment))


class FrameTransform(nn.Module):
    """The released code's residual: ReLU(Linear(dropout(LN(feature)))), without positions."""

    def __init__(self, config: HeroConfig) -> None:
        super().__init__()
        self.mask_vectors = nn.Embedding(2, config.feature_size, padding_idx=0)
        self.norm = nn.LayerNorm(config.feature_size, eps=config.embedding_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.projection = nn.Linear(config.feature_size, config.hidden_size)

    def forward(self, features: Tensor, masked: Tensor | None) -> Tensor:
        """features [..., V], masked [...] bool or None -> [..., D]."""
        if masked is not None:
            features = features + self.mask_vectors(masked.long())
        return nn.functional.relu(self.projection(self.dropout(self.norm(features))))


class PositionEmbedder(nn.Module):
    """LN(x + position), the entrance of the temporal transformer and of the query encoder."""

    def __init__(self, rows: int, config: HeroConfig) -> None:
        super().__init__()
        self.positions = nn.Embedding(rows, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.embedding_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor) -> Tensor:
        """[B, L, D] -> [B, L, D]."""
        return self.dropout(self.norm(x + self.positions.weight[: x.shape[1]]))
