"""Every operation of the service model by boto3 over real HTTP: what it does, seen by a later read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.loaders import Loader

from tests.marketplace.lab import Lab
from tests.marketplace.site import Site
from tests.marketplace.walks import WALKS, hits, qualifications, work, workers

assert all((hits, work, workers, qualifications))  # importing them fills WALKS
OPERATIONS = sorted(Loader().load_service_model("mturk", "service-2")["operations"])


@pytest.fixture(scope="module")
def lab(site: Site) -> Iterator[Lab]:
    yield Lab(site)
    site.faults(clear=True)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_does_what_it_says(operation: str, lab: Lab) -> None:
    WALKS[operation](lab)
    assert operation in lab.watch.seen, f"the walk of {operation} never called it"


def test_walks_and_operations_are_the_same() -> None:
    assert sorted(WALKS) == OPERATIONS


# Members the model declares and no walk receives, each with its reason.
NEVER_SENT = {
    "LocaleValue": "only Worker_Locale has a locale, and nobody can be given it by the API",
    "ErrorCode": "seen only when a policy's action fails; tested in test_review_policies",
    "HITLayoutId": "tested in test_review_policies",
    "LocaleValues": "tested in test_qualifications",
    "RequiredToPreview": "deprecated in the model; tested in test_qualifications",
    "ActionsGuarded": "tested in test_qualifications",
    "Subdivision": "tested in test_qualifications",
    "Country": "tested in test_qualifications",
}


def test_every_declared_output_member_has_been_seen(lab: Lab) -> None:
    """Runs last in this file: what the model promises and no walk has received is in NEVER_SENT, with a reason."""
    if set(lab.watch.seen) != set(OPERATIONS):
        pytest.skip("only some of the walks have run")
    model = boto3.client("mturk", region_name="us-east-1", endpoint_url="http://localhost").meta.service_model
    seen = {path.rpartition(".")[2] for paths in lab.watch.seen.values() for path in paths}
    declared: set[str] = set()
    for name in OPERATIONS:
        _declared(model.operation_model(name).output_shape, declared)
    assert declared - seen == set(NEVER_SENT)


def _declared(shape: Any, found: set[str]) -> None:
    if shape.type_name == "structure":
        for name, inner in shape.members.items():
            found.add(name)
            _declared(inner, found)
    elif shape.type_name == "list":
        _declared(shape.member, found)
