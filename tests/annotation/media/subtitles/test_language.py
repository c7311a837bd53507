"""The paper leaves other languages out; the share of function words tells them from English."""

from __future__ import annotations

import pytest

from annotation.media.subtitles.language import ENGLISH_FROM, english_share

ENGLISH = [
    "Hello everybody and welcome back, today we're going to make a simple cake.",
    "Look at the red ball. Now it rolls away. Here comes a blue box. It falls down behind the table.",
    "SO WHAT YOU WANT TO DO IS TAKE THE NUT OFF AND PUT THE NEW ONE ON LIKE THIS, AND THAT'S IT",
]
OTHERS = [
    "Hallo und willkommen zurück, heute backen wir einen einfachen Kuchen, dafür nehmen wir zwei Eier, also was ist",
    "Hallo allemaal en welkom terug, vandaag gaan we een simpele taart maken, wat is er of was het in de oven",
    "Bonjour à tous, aujourd'hui nous allons faire un gâteau simple, d'abord prenez deux œufs et le sucre, on me dit",
    "Hola a todos, hoy vamos a hacer un pastel sencillo, primero toma dos huevos y mézclalos con el azúcar de he me no",
    "Hej og velkommen tilbage, i dag skal vi lave en simpel kage, først tager du to æg og blander dem med sukker at",
    "всем привет и добро пожаловать сегодня мы готовим простой торт сначала возьмите два яйца и смешайте их с сахаром",
    "大家好欢迎回来今天我们来做一个简单的蛋糕首先拿两个鸡蛋和糖混合在一起",
]


@pytest.mark.parametrize("text", ENGLISH)
def test_english_is_english(text: str) -> None:
    share = english_share([text] * 2)
    assert share is not None
    assert share >= ENGLISH_FROM


@pytest.mark.parametrize("text", OTHERS)
def test_other_languages_are_not(text: str) -> None:
    share = english_share([text] * 2)
    assert share is not None
    assert share < ENGLISH_FROM


def test_a_few_words_tell_nothing() -> None:
    assert english_share(["Okay", "ja", "no"]) is None
    assert english_share([]) is None
