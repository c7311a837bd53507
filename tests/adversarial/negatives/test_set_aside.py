"""What models guess most surely is left out, and the rest is matched as if it had never been there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adversarial.data.errors import ItemError
from adversarial.data.schema import Item, parse_rows
from adversarial.negatives.pipeline import ItemMatcher
from adversarial.negatives.set_aside import match_hardest, most_predictable
from adversarial.negatives.settings import MatchSettings
from tests.adversarial.conftest import make_rows


def test_the_sure_ones_go_and_the_rest_is_matched_anew() -> None:
    rows = make_rows(120)
    for row in rows[:30]:
        row["answers"][row["answer_idx"]] += " indeed"
    items, settings = parse_rows(rows), MatchSettings()
    output, report = match_hardest(items, settings, drop=0.25)
    gone = set(report["set_aside"])
    assert len(output) == 90
    assert gone == {str(item.qid) for item in items} - {str(item.qid) for item in output}
    assert sum(int(qid) < 30 for qid in gone) >= 15  # 7 or 8 by chance
    kept = [item for item in items if str(item.qid) not in gone]
    assert output == ItemMatcher(kept, settings).match(settings)[0]
    lenders = {origin.source_qid for item in output for origin in item.origins if origin.source == "matched"}
    assert lenders
    assert not lenders & {int(qid) for qid in gone}
    lowest_gone = min(report["set_aside"].values())
    assert lowest_gone > 0.25


@pytest.mark.parametrize("drop", [-0.1, 0.6, float("nan")])
def test_at_least_half_is_kept(drop: float) -> None:
    with pytest.raises(ItemError, match=r"drop: expected a share from 0 to 0\.5"):
        match_hardest(parse_rows(make_rows(20)), MatchSettings(), drop=drop)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 10)), min_size=1, max_size=40), st.floats(0, 0.5),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_each_split_gives_its_share_whatever_the_order(rows: list[tuple[str, int]], share: float, order) -> None:
    items = [Item(qid, f"v{qid}", "what?", ("a", "b"), 0, split) for qid, (split, _) in enumerate(rows)]
    chances = {qid: chance / 10 for qid, (_, chance) in enumerate(rows)}
    gone = most_predictable(items, chances, share)
    for split in {item.split for item in items}:
        own = [item.qid for item in items if item.split == split]
        out = [qid for qid in own if qid in gone]
        assert len(out) == round(share * len(own))
        kept = [chances[qid] for qid in own if qid not in gone]
        assert all(chances[qid] >= chance for qid in out for chance in kept)
    mixed = items.copy()
    order.shuffle(mixed)
    assert most_predictable(mixed, chances, share) == gone
