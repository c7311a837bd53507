"""80/10/5/5: the split by video, and the hidden split of it in a public and a private part, within half a point."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark_site.leaderboard.scoring.parts import deal
from benchmark_site.releases.split.video_split import place_videos


@pytest.mark.parametrize("seed", range(5))
def test_the_shares_of_train_val_test_public_and_test_private(seed: int) -> None:
    drawn = random.Random(seed)
    loads = {f"film-{seed}-{n}": (drawn.randint(1, 5), drawn.randint(0, 12), drawn.randint(0, 6)) for n in range(2500)}
    ids = {film: [drawn.randrange(2**31) for _ in range(queries)] for film, (_, queries, _) in loads.items()}
    placed = place_videos(loads, {})
    of = {
        split: [one for film in ids if placed[film] == split for one in ids[film]] for split in ("train", "val", "test")
    }
    public, private = deal(of["test"], f"secret {seed}", 50)
    total = sum(map(len, ids.values()))
    for part, share in ((of["train"], 80), (of["val"], 10), (public, 5), (private, 5)):
        assert abs(100 * len(part) / total - share) < 0.5


@settings(max_examples=50)
@given(st.sets(st.integers(0, 2**31), min_size=400, max_size=800), st.text(max_size=20), st.sampled_from([20, 30, 50]))
def test_parts_are_apart_near_their_share_and_stay_when_others_come(ids: set[int], secret: str, percent: int) -> None:
    public, private = deal(sorted(ids), secret, percent)
    assert sorted(public + private) == sorted(ids)
    assert abs(len(public) / len(ids) - percent / 100) < 0.15  # six standard deviations
    fewer = sorted(ids)[::2]
    assert deal(fewer, secret, percent)[0] == [one for one in public if one in set(fewer)]
