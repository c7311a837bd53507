"""Which of everything accepted a release takes: by licence and tag of the video, by batch, by a query over items."""

from __future__ import annotations

import math
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import F, QuerySet

from annotation.models import Query, Question
from benchmark_site.releases.item_query import parsed
from benchmark_site.releases.models import Release

VIDEO = "segment__clip__video"
LANGUAGE = "english"  # of stems and words that are passed over


def chosen(release: Release, model: type[Query] | type[Question]) -> QuerySet[Any]:
    """The accepted queries or questions that the release asks for."""
    found = model._default_manager.filter(withdrawn_by=None)
    if release.only_licences:
        found = found.filter(**{f"{VIDEO}__licence__in": release.only_licences})
    if release.only_tag:
        found = found.filter(**{f"{VIDEO}__tags__contains": [release.only_tag]})
    if release.only_batches:
        found = found.filter(assignment__hit__batch__in=release.only_batches)
    return _that_match(found, model, release.only_items)


def is_part(release: Release) -> bool:
    """Whether it asks for less than everything."""
    return bool(release.only_licences or release.only_tag or release.only_batches or release.only_items)


def _that_match(found: QuerySet[Any], model: type[Query] | type[Question], text: str) -> QuerySet[Any]:
    query = parsed(text)
    if query.task and (query.task == "moment") != (model is Query):
        return found.none()
    if query.type:
        found = found.filter(type=query.type) if model is Query else found.none()  # a question has no type
    if query.shortest or query.longest < math.inf:
        found = found.annotate(seconds=F("segment__end") - F("segment__start")).filter(seconds__gte=query.shortest)
        found = found if math.isinf(query.longest) else found.filter(seconds__lte=query.longest)
    if query.words:
        words = SearchQuery(query.words, config=LANGUAGE, search_type="websearch")
        found = found.annotate(words=SearchVector("text", config=LANGUAGE)).filter(words=words)
    return found
