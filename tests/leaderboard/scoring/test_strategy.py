"""Twenty teams of one person against a hidden QA board of twenty questions: what the best strategy learns."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from django.contrib.auth.models import User

from benchmark_site.leaderboard.boards.tracks import create_tracks
from benchmark_site.leaderboard.models import Evaluation, Membership, Submission, Team
from benchmark_site.leaderboard.scoring.score import score_evaluation
from benchmark_site.leaderboard.teams.tokens import create_token
from evaluation.metrics import disclosure
from evaluation.release import Release as ReleaseFolder
from tests.evaluation.small_release import write_release
from tests.leaderboard.conftest import REPOSITORY, ApiClient, freeze, small_file
from tests.leaderboard.scoring import strategy

N, TEAMS = 20, 20


@pytest.mark.django_db
def test_twenty_teams_of_one_person_learn_what_the_tries_of_one_permit(tmp_path: Path) -> None:
    release = freeze(write_release(tmp_path / "release", videos=5, queries=4))
    track = next(one for one in create_tracks(release) if (one.task, one.split) == ("qa", "test"))
    track.per_day = track.total  # one day is enough for all of them
    track.save()
    truth = ReleaseFolder.open(release.folder).questions("test")
    cheat = User.objects.create_user("cheat")
    teams = [Team.objects.create(name=f"team {number}") for number in range(TEAMS)]
    api_clients = [ApiClient(create_token(Membership.objects.create(team=team, user=cheat))) for team in teams]

    tries: strategy.Tries = ()
    shown: strategy.Shown = ()
    for api_client in api_clients:
        guess = strategy.next_try(tries, shown, N) if len(tries) < disclosure.tries(N) else tuple([0] * N)
        file = small_file(tmp_path, text=json.dumps(dict(zip(map(str, truth.qids.tolist()), guess, strict=True))))
        status, sent = api_client.post(track, file)
        if status != 201:
            assert sent["errors"][0]["code"] in {"quota_total", "duplicate"}
            continue
        score_evaluation(Evaluation.objects.get(submission=sent["id"]).pk)
        (score,) = api_client.get(f"submissions/{sent['id']}")[1]["scores"]
        tries, shown = (*tries, guess), (*shown, round(score["value"] / disclosure.step(N)))
        assert shown[-1] == strategy.shown_of(int((np.array(guess) == truth.answer).sum()), N)

    assert len(tries) == Submission.objects.count() == disclosure.tries(N) == 3
    believed = strategy.marginals(tries, shown)
    assert believed.max(axis=1).sum() <= 9  # of twenty; five by guessing
    assert (believed.argmax(axis=1) == truth.answer).sum() < N / 2


@pytest.mark.slow
def test_what_the_best_strategy_learns_is_what_the_guide_says() -> None:
    bits, right = strategy.outlook(N, disclosure.tries(N))
    assert bits <= disclosure.tries(N) * disclosure.bits(N) <= disclosure.SHARE * disclosure.truth_bits(N)
    assert right / N * 100 <= disclosure.ceiling(N, bits)
    guide = (REPOSITORY / "docs/submitters.md").read_text()
    assert f"learns {bits:.1f} bits and ends with {right:.1f} of {N} right" in " ".join(guide.split())


def test_the_guides_table_is_what_the_program_does() -> None:
    guide = (REPOSITORY / "docs/submitters.md").read_text()
    rows = re.findall(r"^\| ([\d,]+) \| ([\d.]+) \| (\d+) \| ([\d.]+) of ([\d,]+) \| ([\d.]+) % \|$", guide, re.M)
    assert [int(row[0].replace(",", "")) for row in rows] == [20, 50, 100, 500, 3000]
    for size, step, tries, told, truth, ceiling in rows:
        n = int(size.replace(",", ""))
        most = disclosure.tries(n) * disclosure.bits(n)
        assert float(step) == disclosure.step(n)
        assert (int(tries), float(told)) == (disclosure.tries(n), round(most, 1))
        assert int(truth.replace(",", "")) == disclosure.truth_bits(n)
        assert float(ceiling) == round(disclosure.ceiling(n, most), 1)
