"""Connections of both sites: statements are planned once, and a look at a connection asks the server nothing."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection, connections
from django.db.models import F, Value

from annotation.database.base import DatabaseWrapper
from annotation.models import Assignment, Clip, Video

pytestmark = pytest.mark.django_db


@pytest.fixture
def server() -> Iterator[psycopg.Connection]:
    """Another connection to the same server."""
    parameters = {name: connection.get_connection_params()[name] for name in ("host", "port", "user", "password")}
    with psycopg.connect(**parameters, dbname=connection.settings_dict["NAME"], autocommit=True) as opened:
        yield opened


def test_a_statement_that_is_asked_again_and_again_is_planned_once() -> None:
    for key in range(5):
        assert not Clip.objects.filter(pk=-key, start__gt=1234.5).exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement, generic_plans + custom_plans FROM pg_prepared_statements")
        asked = [count for statement, count in cursor.fetchall() if '"annotation_clip"."start"' in statement]
    assert asked == [3]  # of five times: the first two are planned as they come


@pytest.mark.parametrize("number", [1, -1, 2**15, 2**31 - 1, 2**31, 2**62 + 1, 2**63 - 1])
def test_no_integer_is_cut_off(number: int) -> None:
    """In expressions whose type Django guesses, too: it takes each for one of four bytes."""
    asked = Video.objects.annotate(same=Value(number), more=F("id") * 0 + Value(number))
    Video.objects.create(public_id="film", title="film")
    assert asked.values_list("same", "more").get() == (number, number)
    assert Assignment.objects.filter(sketch__overlap=[number]).count() == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s, ARRAY[%s]::bigint[]", [number, number])
        assert cursor.fetchone() == (number, [number])


def test_a_statement_may_have_more_parameters_than_the_protocol_takes() -> None:
    film = Video.objects.create(public_id="film", title="film")
    assert Video.objects.filter(pk__in=[film.pk, *range(-70_000, 0)]).get() == film
    made = Clip.objects.bulk_create(Clip(video=film, start=30.0 * n, end=30.0 * n + 30) for n in range(5_000))
    assert Clip.objects.filter(start__in=[clip.start for clip in made], video=film).count() == 5_000
    assert Clip.objects.filter(start__in=[30.0 * n for n in range(101)], video__title="100 %").count() == 0


def test_options_of_the_address_stand_for_ours() -> None:
    asked = {**connection.settings_dict, "OPTIONS": {"prepare_threshold": None, "application_name": "bench"}}
    theirs = DatabaseWrapper(asked, "default").get_connection_params()
    assert (theirs["prepare_threshold"], theirs["application_name"]) == (None, "bench")


@pytest.mark.django_db(transaction=True)
def test_a_look_at_a_connection_asks_the_server_nothing(server: psycopg.Connection) -> None:
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 'the last one', pg_backend_pid()")
        key = cursor.fetchone()[1]
    assert connection.is_usable()
    row = server.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [key]).fetchone()
    assert row is not None
    assert "the last one" in row[0]


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_server_has_cut_is_not_usable_and_is_replaced(server: psycopg.Connection) -> None:
    connection.ensure_connection()
    key = connection.connection.info.backend_pid
    server.execute("SELECT pg_terminate_backend(%s, 10000)", [key])
    assert not connection.is_usable()
    connections["default"].close_if_unusable_or_obsolete()
    assert Clip.objects.count() >= 0
    assert connection.connection.info.backend_pid != key
