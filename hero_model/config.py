"""Sizes, dialect and loss weights of a HERO model, in the form of `transformers` configurations."""

from typing import Any

from transformers import AutoConfig, BertConfig, PreTrainedConfig

# What the released code does against what the paper's text says. docs/hero.md explains each row; the
# fields are ordinary configuration fields, so that any mixture can be asked for by name.
DIALECTS: dict[str, dict[str, Any]] = {
    "official": {
        "frame_residual": "transform",
        "join_unmatched": False,
        "last_sentence_limit": 16.0,
        "queries_per_video": 5,
        "query_share": None,
        "span_loss_share": 0.2,
        "squared_mffr": False,
        "nce_negatives": "all_slots",
        "fom_classes": 100,
        "linear_heads": False,
        "project_span_query": True,
        "spans_see_padding": True,
        "text_start": "released",
        "fom_moves": False,
        "nce_sample": 0,
        "separate_span_heads": False,
    },
    "paper": {
        "frame_residual": "embedding",
        "join_unmatched": True,
        "last_sentence_limit": 0.0,
        "queries_per_video": None,
        "query_share": 0.15,
        "span_loss_share": 1.0,
        "squared_mffr": True,
        "nce_negatives": "unmasked_frames",
        "fom_classes": 0,
        "linear_heads": True,
        "project_span_query": False,
        "spans_see_padding": False,
        "text_start": "encoder",
        "fom_moves": True,
        "nce_sample": 10,
        "separate_span_heads": True,
    },
}

FEWEST_POSITIONS = 8  # of a sentence: with fewer a question or its answer would have no word (data.sequences)


class HeroConfig(PreTrainedConfig):
    """Configuration of every model in this package; sizes default to the paper's (Sec. 3.1, 4).

    Fields named in DIALECTS take the dialect's value unless given. Raises ValueError for an unknown dialect.
    """

    model_type = "hero"

    architecture: str = "hero"  # hero | h_trm | f_trm | xml | stage
    dialect: str = "paper"

    # sizes
    vocab_size: int = 50265
    hidden_size: int = 768
    num_hidden_layers: int = 6  # cross-modal transformer
    num_temporal_layers: int = 3
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 514  # words of a sentence
    max_frames: int = 100  # rows of the frame embedder's position table
    max_temporal_positions: int = 514
    max_query_positions: int = 514
    feature_size: int = 4352  # ResNet-152 (2048) and SlowFast (2304) side by side
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12  # inside the transformer layers
    embedding_norm_eps: float = 1e-5  # everywhere else

    # text
    cls_token_id: int = 0
    pad_token_id: int | None = 1
    sep_token_id: int = 2
    mask_token_id: int = 50264
    first_word_id: int = 4  # ids [first_word_id, last_word_id) are ordinary words, drawn by MLM's random tenth
    last_word_id: int = 50261
    max_sentence_tokens: int = 60
    context_sentences: int = 0  # sentences before the current one that are put in front of it

    # dialect fields: None takes the dialect's value
    frame_residual: str | None = None  # transform: Linear and ReLU of its own | embedding: the embedder's output
    join_unmatched: bool | None = None  # sentences without frames: joined to a neighbour | dropped
    last_sentence_limit: float | None = None  # seconds; the released code's exceptions in data.alignment | 0: none
    queries_per_video: int | None = None  # VSM queries a video
    query_share: float | None = None  # VSM queries as a share of the sentences
    span_loss_share: float | None = None  # share of the matching steps in which the span loss is active
    squared_mffr: bool | None = None
    nce_negatives: str | None = None  # all_slots, padding included, and the other targets | unmasked_frames
    fom_classes: int | None = None  # 0: as many classes as the clip has frames
    linear_heads: bool | None = None  # MFM and FOM heads: one layer | two with GELU and LN between
    project_span_query: bool | None = None  # one more Linear on the query before it meets the frames
    spans_see_padding: bool | None = None  # the span convolutions run over padding, too
    text_start: str | None = None  # encoder: as a text encoder has it | released: checkpoints.text_encoder says how
    fom_moves: bool | None = None  # at least one chosen frame leaves its place
    nce_sample: int | None = None  # unmasked frames of each clip that are MNCE's negatives | 0: all
    separate_span_heads: bool | None = None  # QA's start and end: an MLP each | one MLP with two outputs

    # masking (Sec. 3.2) and losses
    mask_share: float = 0.15
    nce_temperature: float = 1.0
    ranking_loss: str = "hinge"  # hinge | lse | softmax
    ranking_margin: float = 0.1
    ranking_temperature: float = 0.07  # of softmax alone
    negative_video_weight: float = 8.0
    negative_query_weight: float = 8.0
    span_weight: float = 0.01
    use_all_negatives: bool = True
    hard_pool_size: int = 20
    hard_negative_weight: float = 10.0
    answer_span_weight: float = 0.4
    answer_match_weight: float = 0.0  # of the best cosine of question and answer with a frame, in the answer's logit
    span_similarity_scale: float = 1.0  # multiplies the frame-query products before the span convolutions
    matching_start: bool = False  # span filters begin as edges, the query's projection as the identity
    kept_query_share: float = 0.0  # share of the VSM queries whose words stay in the clip, too

    # retrieval (Sec. 4, and the released evaluation code)
    frame_interval: float = 1.5  # seconds
    score_sharpness: float = 20.0  # alpha in exp(alpha * global score)
    max_videos: int = 100
    min_span_frames: int = 3
    max_span_frames: int = 16
    max_moments: int = 200
    nms_threshold: float = 0.5

    # late fusion with a frozen text encoder, the reader: how like a query is to what is said, above a threshold
    reader_layers: int = 0  # 0: no reader
    reader_threshold: float = 0.45  # a cosine; what is less alike says nothing
    reader_weight: float = 2.0  # beside the best cosine with a frame, in a clip's score
    reader_edge: float = 25.0  # of a rise (a fall) from frame to frame, in the start (end) logits

    def __post_init__(self, **kwargs: Any) -> None:
        if self.dialect not in DIALECTS:
            raise ValueError(f"dialect must be one of {', '.join(DIALECTS)}, got {self.dialect!r}")
        chosen = DIALECTS[self.dialect]
        asked_for_queries = self.queries_per_video is not None or self.query_share is not None
        for name, value in chosen.items():
            if name in ("queries_per_video", "query_share") and asked_for_queries:
                continue
            if getattr(self, name) is None:
                setattr(self, name, value)
        super().__post_init__(**kwargs)

    @property
    def order_classes(self) -> int:
        """Outputs of the frame-order head; without a fixed number a clip uses the first N_v of them."""
        return self.fom_classes or self.max_frames

    @property
    def matches_answers(self) -> bool:
        """Whether QA looks for question and answer as for a query; STAGE retrieves nothing."""
        return self.answer_match_weight > 0 and self.architecture != "stage"

    def layers(self, number: int, attention: str) -> BertConfig:
        """The library's configuration of `number` encoder layers with this model's sizes."""
        config = BertConfig(
            hidden_size=self.hidden_size,
            num_hidden_layers=number,
            num_attention_heads=self.num_attention_heads,
            intermediate_size=self.intermediate_size,
            hidden_act=self.hidden_act,
            hidden_dropout_prob=self.hidden_dropout_prob,
            attention_probs_dropout_prob=self.attention_probs_dropout_prob,
            layer_norm_eps=self.layer_norm_eps,
        )
        config._attn_implementation = attention
        return config


AutoConfig.register(HeroConfig.model_type, HeroConfig, exist_ok=True)  # so that AutoTokenizer knows the folders
