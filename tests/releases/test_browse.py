"""The dataset page and the item browser: what they say of train and val, and nothing of test."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile

from annotation.models import Clip, Query, Video
from annotation.review.corrections import withdraw
from benchmark_site.releases.browse import film_of
from benchmark_site.releases.models import Item, Negative
from benchmark_site.releases.plots import _histogram, _sunburst, figures
from tests.releases.conftest import frozen_without_matching, small_release

ITEMS = "/releases/demo/1.0.0/items/"


def text(client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


@pytest.mark.django_db
def test_the_page_says_what_it_is_how_it_is_loaded_and_cited(client, frozen):
    page = text(client, frozen.get_absolute_url())
    assert "load_dataset(&quot;demo-1.0.0&quot;, &quot;moment&quot;)" in page
    assert "curl -C - -L -o demo-1.0.0.zip http" in page
    assert "/releases/demo/1.0.0/download/" in page
    assert "@misc{demo-1.0.0," in page
    assert "no licence stated" in page
    assert "Length of segments" in page
    assert "The first version." in page
    for split, shown in (("train", True), ("test", False)):
        for item in frozen.items.filter(split=split):
            assert (f"/items/{item.kind}/{item.public_id}/" in page) <= shown


@pytest.mark.django_db
def test_items_are_found_by_words_split_and_kind_and_test_never(client, frozen):
    labelled = frozen.items.exclude(split="test")
    everything = text(client, ITEMS)
    assert f"{labelled.count()} found" in everything
    for item in frozen.items.all():
        assert (f"/items/{item.kind}/{item.public_id}/" in everything) == (item.split != "test")
    val = text(client, f"{ITEMS}?split=val&kind=qa")
    assert f"{labelled.filter(split='val', kind='qa').count()} found" in val
    assert f"{labelled.count()} found" in text(client, f"{ITEMS}?split=test&kind=film")  # no such choice
    one = labelled.filter(kind="moment").first()
    shape, scene = one.text.split()[2], one.text.rsplit(" ", 1)[1]
    found = text(client, f"{ITEMS}?q={scene}+{shape}")
    assert one.text in found
    assert "Nothing with these words" in text(client, f"{ITEMS}?q=zeppelin")
    assert one.text in text(client, f"{ITEMS}?q=%00{scene}%00+{shape}")  # no database takes the sign
    for path in (f"mo%00ment/{one.public_id}/", f"film/{one.public_id}/", f"moment/{'9' * 40}/"):
        assert client.get(f"{ITEMS}{path}").status_code == 404


@pytest.mark.django_db
def test_a_permalink_shows_the_segment_and_where_its_answers_come_from(client, frozen):
    item = frozen.items.filter(kind="qa", split="train").first()
    page = text(client, f"{ITEMS}qa/{item.public_id}/")
    assert f"The segment lies from {item.start:.1f} to {item.end:.1f} of 30.0 seconds" in page
    assert page.count("written for this question") == 3
    assert "● right" in page
    assert all(option in page for option in item.options)
    hidden = frozen.items.filter(split="test").first()
    assert client.get(f"{ITEMS}{hidden.kind}/{hidden.public_id}/").status_code == 404
    assert client.get(f"{ITEMS}film/{item.public_id}/").status_code == 404


@pytest.mark.django_db
def test_a_lent_answer_names_the_question_that_lent_it(client, corpus):
    corpus(6)
    release = small_release("demo", "1.0.0")

    def lend() -> None:
        one, other = release.items.filter(kind="qa", split="train")[:2]
        Negative.objects.create(
            item=one, option=(one.answer_index + 1) % 4, source=other, relevance=0.5, similarity=0.1, replaced="x"
        )

    frozen = frozen_without_matching(release, before_publishing=lend)
    negative = Negative.objects.get()
    page = text(client, f"{ITEMS}qa/{negative.item.public_id}/")
    assert f"question {negative.source.public_id}</a>" in page
    assert page.count("written for this question") == 2
    assert frozen.state == "frozen"


@pytest.mark.django_db
def test_a_film_is_shown_to_everybody_only_where_a_licence_is_stated(client, frozen):
    item = frozen.items.filter(kind="moment", split="train").first()
    Clip.objects.get(video=item.video).file.save("x.mp4", ContentFile(b"film"))
    url = f"{ITEMS}moment/{item.public_id}/"
    assert "<video" in text(client, url)
    Video.objects.filter(pk=item.video_id).update(licence="")
    page = text(client, url)
    assert "<video" not in page
    assert "no licence is stated for it" in page
    client.force_login(User.objects.create_user("ann", is_staff=True))
    assert "<video" in text(client, url)


@pytest.mark.django_db
def test_a_film_of_many_digits_is_found_by_the_name_of_its_clip(corpus):
    film = corpus(1)[0]
    clip = Clip.objects.create(video=film, start=0.0, end=1402.987, imported=True)
    clip.file.save("x.mp4", ContentFile(b"film"))
    assert clip.name.endswith("_0_1402.99")
    assert "clip_url" in film_of(clip.name, may_see=False)
    assert film_of(f"{film.public_id}_0_1402.98", may_see=False) == {}


@pytest.mark.django_db
def test_a_new_version_says_what_changed_and_why(client, frozen):
    user = User.objects.create_user("ann")
    gone = frozen.items.filter(kind="moment", split="train").first()
    hidden = frozen.items.filter(kind="moment", split="test").first()
    for item in (gone, hidden):
        withdraw(Query.objects.get(public_id=item.public_id), f"shows nothing, {item.split}", user)
    second = frozen_without_matching(small_release("demo", "1.0.1"))
    page = text(client, second.get_absolute_url())
    assert "1 query of train withdrawn" in page
    assert "1 query of test withdrawn" in page
    assert "shows nothing, train" in page
    assert "shows nothing, test" not in page
    assert str(hidden.public_id) not in page


@pytest.mark.django_db
def test_what_is_left_out_is_listed_with_a_link_to_where_it_is_corrected(client, corpus):
    corpus(6)
    wrong = Query.objects.earliest("pk")
    Query.objects.filter(pk=wrong.pk).update(text=" \u202e ")
    release = frozen_without_matching(small_release("demo", "1.0.0"))
    url = "/releases/demo/1.0.0/left-out/"
    assert client.get(url).status_code == 302
    assert "left-out" not in text(client, release.get_absolute_url())
    client.force_login(User.objects.create_user("ann", is_staff=True))
    assert url in text(client, release.get_absolute_url())
    page = text(client, url)
    assert f'href="/items/moment/{wrong.public_id}/"' in page
    assert "B8" in page
    for check in ("B2", "%00B2", "%00"):
        assert ("None." in text(client, f"{url}?check={check}")) == ("B2" in check)


@pytest.mark.django_db
def test_figures_are_of_train_and_val_alone(frozen):
    drawn = figures(frozen)
    labelled = frozen.items.exclude(split="test")
    lengths = drawn.histograms[0]
    assert sum(bar.n for bar in lengths.bars) == labelled.count() < Item.objects.count()
    assert [bar.label for bar in lengths.bars if bar.n] == ["5–10"]
    inside = [sector for sector in drawn.sectors if sector.ring == 0]
    assert sum(sector.n for sector in inside) == labelled.filter(kind="qa").count()


def test_bins_hold_their_lower_edge_and_the_last_is_open():
    plot = _histogram("x", "words", [1, 3, 4, 7, 8, 99], (1, 4, 8))
    assert plot is not None
    assert [(bar.label, bar.n) for bar in plot.bars] == [("1–3", 2), ("4–7", 2), ("8+", 2)]
    assert {bar.height for bar in plot.bars} == {36}
    assert plot.median == 7
    assert [bar.label for bar in _histogram("x", "words", [1], (1, 2, 3)).bars] == ["1", "2", "3+"]
    assert _histogram("x", "s", [], (0, 5)) is None


def test_rare_first_words_stand_together():
    questions = [
        "What is it?",
        "what does he do?",
        *(f"{word} is it?" for word in ["how", "who", "why", "when", "where", "which"]),
    ]
    sectors = _sunburst([*questions, "is it?", "does he?"])
    inside = [(sector.words, sector.n) for sector in sectors if sector.ring == 0]
    assert inside[0] == ("what", 2)
    assert inside[-1] == ("others", 2)
    assert len(inside) == 8
    assert {sector.words for sector in sectors if sector.ring == 1} >= {"what is", "what does", "how is"}
    assert _sunburst([]) == []
