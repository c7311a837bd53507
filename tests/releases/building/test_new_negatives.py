"""Questions whose own wrong answers are not wanted: the matching gives them others."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from annotation.models import Answer
from benchmark_site.releases.building.pipeline import build_release
from benchmark_site.releases.models import Item, Negative, Release
from benchmark_site.releases.services import create_release
from evaluation.release import Release as Reader
from tests.releases.conftest import Corpus

pytestmark = pytest.mark.django_db


def built(version: str, **how: bool) -> Release:
    release = create_release("demo", version, hidden=Release.Hidden.SHARED, **how)
    build_release(release.pk)
    release.refresh_from_db()
    assert (release.state, release.reason) == ("frozen", "")
    return release


def written_of(item: Item) -> list[str]:
    """The wrong answers of a released question that its own writer gave."""
    lent = set(item.negatives.values_list("option", flat=True))
    return [text for place, text in enumerate(item.options) if place not in lent and place != item.answer_index]


def test_all_wrong_answers_are_lent_where_somebody_can(corpus: Corpus) -> None:
    corpus(16)
    usual, new = built("1.0.0"), built("1.0.1", new_negatives=True)
    questions = {release: release.items.filter(kind=Item.Kind.QA, split="train") for release in (usual, new)}
    asked = questions[usual].count()
    assert 0.5 * asked <= Negative.objects.filter(item__in=questions[usual]).count() <= asked
    assert Negative.objects.filter(item__in=questions[new]).count() >= 2 * asked
    assert sum(not written_of(item) for item in questions[new]) > asked / 2
    own = set(Answer.objects.filter(correct=False).values_list("text", flat=True))
    for item in questions[new]:
        assert set(written_of(item)) <= own  # what nobody can lend stays as it was written
        assert len({*item.options}) == 4
    assert "all for which one fits" in (new.folder / "README.md").read_text()
    assert "one a question on average" in (usual.folder / "README.md").read_text()
    Reader.open(new.folder).verify()


def test_the_form_and_the_page_say_so(client, corpus: Corpus) -> None:
    client.force_login(User.objects.create_user("ann", is_staff=True))
    assert 'name="new_negatives"' in client.get("/releases/new/").content.decode()
    asked = {"slug": "demo", "version": "1.0.0", "seed": 0, "hidden": "shared", "new_negatives": "on"}
    client.post("/releases/new/", asked)
    release = Release.objects.get()
    assert (release.new_negatives, release.replaced) == (True, 3)
    assert Release(option_count=5, new_negatives=True).replaced == 4
    assert Release(option_count=5).replaced == 1
