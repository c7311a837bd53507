"""What a match depends on beside the rows."""

from dataclasses import dataclass

from adversarial.data.errors import ItemError
from adversarial.learning.group_kfold import check_seed
from adversarial.relevance.sentence_encoder import DEFAULT_MODEL

LAMBDA = 0.03  # more makes matched answers easier to tell, less lets rewordings of the right one through
TEMPERATURE = 0.35  # found on models trained apart; at 0 the likeliest matching, which goes with the questions too well
_RANGES = {  # with a negative lam the bound would certify nothing
    "lam": (0.0, 5.0),
    "sim_slope": (0.0, 100.0),
    "sim_bias": (-100.0, 100.0),
    "near": (0.0, 1.0),
    "tolerance": (1e-9, 1.0),
    "temperature": (0.0, 10.0),
}


@dataclass(frozen=True)
class MatchSettings:
    """The same settings and rows give the same output; the names are those of plan.json and of the report.

    Raises ItemError that names the setting and what is expected of it.
    """

    replace: int = 1  # written negatives that go, a question on average
    seed: int = 0
    lam: float = LAMBDA  # weight of log(1 - P_sim) against the log-odds
    temperature: float = TEMPERATURE  # of the draw among matchings
    model: str = DEFAULT_MODEL
    sim_slope: float = 12.0  # P_sim = sigmoid(slope * cosine + bias): one half at cosine 0.6
    sim_bias: float = -7.2
    near: float = 0.85  # cosine from which two answers count as one
    tolerance: float = 5e-5  # nats per question
    order_key: str = ""  # a secret: who knows it and the ids knows the order of the options, hence the right answers

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if not isinstance(self.replace, int) or self.replace < 1:
            raise ItemError(f"replace: expected a whole number of 1 or more, got {self.replace!r}")
        if not isinstance(self.model, str) or not self.model.strip():
            raise ItemError(f"model: expected the name of a sentence-transformers model, got {self.model!r}")
        if not isinstance(self.order_key, str):
            raise ItemError(f"order_key: expected a text, got {self.order_key!r}")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not isinstance(value, int | float) or not low <= value <= high:  # nan is in no range
                raise ItemError(f"{name}: expected a number from {low:g} to {high:g}, got {value!r}")
