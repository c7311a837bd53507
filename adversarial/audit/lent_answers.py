"""Whether lent answers can be told from right ones: the detector that matching has to fool."""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import roc_auc_score

from adversarial.audit.option_features import OptionTable
from adversarial.audit.partial_input import boosted
from adversarial.audit.set_features import Features
from adversarial.audit.splits import AuditSplit
from adversarial.data.options import origins_of


def lent_auc(options: OptionTable, features: Features, splits: Sequence[AuditSplit], seed: int) -> float | None:
    """Area under the curve of trees that tell right answers from lent ones, each tested on other videos.

    One half is a coin's. ``features`` [n, o, F] are those of the set. None where nothing was lent.
    """
    lent = np.zeros(options.present.shape, bool)
    for row, item in enumerate(options.items):
        lent[row, : len(item.answers)] = [origin.source == "matched" for origin in origins_of(item)]
    right = np.indices(lent.shape)[1] == options.right[:, None]
    areas = []
    for split in splits:
        seen = (lent | right)[split.train] & ~split.hidden[split.train]
        tested = (lent | right)[split.test]
        said = right[split.train][seen], right[split.test][tested]
        if all(labels.any() and not labels.all() for labels in said):
            model = boosted(features[split.train][seen], said[0], seed)
            areas.append(roc_auc_score(said[1], model.predict_proba(features[split.test][tested])[:, 1]))
    return float(np.mean(areas)) if areas else None
