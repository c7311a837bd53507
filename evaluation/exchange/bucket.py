"""A copy of a release's public files in a bucket of S3: what is there and right already is not sent again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from evaluation.io.errors import opening, reason
from evaluation.release import MANIFEST, PROVENANCE, SUMS, Release, ReleaseError

SCHEME = "s3://"
SHA256, OWNER = "sha256", "release"  # what each object says of itself: its hash, and that of the release it is of


@dataclass(frozen=True)
class _Bucket:
    """A bucket and what the names of our objects in it begin with: nothing, or something that ends in a slash."""

    client: Any
    name: str
    prefix: str

    def where(self, path: str) -> str:
        """An object, for people."""
        return f"{SCHEME}{self.name}/{self.prefix}{path}"

    def object(self, path: str) -> dict[str, str]:
        """An object, for the client."""
        return {"Bucket": self.name, "Key": self.prefix + path}


@dataclass(frozen=True)
class _Wanted:
    """A file that is to be there."""

    path: str
    bytes: int
    sha256: str

    def is_in(self, found: Mapping[str, Any] | None) -> bool:
        """Whether an object, as the bucket tells of it, is this file: its hash was compared when it was sent."""
        if found is None:
            return False
        return (found["ContentLength"], found["Metadata"].get(SHA256)) == (self.bytes, self.sha256)


def mirror_to_bucket(source: Release, address: str) -> list[str]:
    """Send what `s3://bucket/prefix` lacks or has otherwise; the paths that were sent. Nothing held out goes along.

    Endpoint and credentials are those of the usual AWS environment (AWS_ENDPOINT_URL …). The manifest comes last, so a
    copy that was cut off is no release until it is finished. Nothing is deleted, nor is a file of somebody else
    replaced. Raises ReleaseError where one is in the way, for a file that differs from its hash, and where the bucket
    cannot be used.
    """
    bucket = _bucket(address)
    with _telling(address):
        ours = _is_ours(source, bucket)
        lacking = [wanted for wanted in _wanted(source) if not _is_there(source, bucket, wanted, ours)]
    for wanted in lacking:
        _send(source, bucket, wanted)
    return [wanted.path for wanted in lacking]


def _bucket(address: str) -> _Bucket:
    name, _, prefix = address.removeprefix(SCHEME).partition("/")
    prefix = prefix.strip("/")
    if not name:
        raise ReleaseError(f"{address}: expected {SCHEME}BUCKET/PREFIX")
    with _telling(address):
        return _Bucket(boto3.Session().client("s3"), name, f"{prefix}/" if prefix else "")


def _wanted(source: Release) -> list[_Wanted]:
    """Every file of a public copy, the manifest last."""
    listed = [_Wanted(entry.path, entry.bytes, entry.sha256) for entry in source.files()]
    return listed + [_beside(source, path) for path in (PROVENANCE, SUMS, MANIFEST) if (source.root / path).is_file()]


def _beside(source: Release, path: str) -> _Wanted:
    with opening(source.root / path, ReleaseError):
        raw = (source.root / path).read_bytes()
    return _Wanted(path, len(raw), hashlib.sha256(raw).hexdigest())


def _is_ours(source: Release, bucket: _Bucket) -> bool:
    """Whether a finished copy of this release is there. Raises ReleaseError where it is one of another."""
    told = _told_of(bucket, MANIFEST)
    if told is None:
        return False
    same = told["ContentLength"] == (source.root / MANIFEST).stat().st_size  # else not read, however large
    raw = bucket.client.get_object(**bucket.object(MANIFEST))["Body"].read() if same else b""
    if hashlib.sha256(raw).hexdigest() != source.manifest_sha256:
        raise ReleaseError(f"{bucket.where(MANIFEST)}: is that of another release, expected a new prefix")
    return True


def _is_there(source: Release, bucket: _Bucket, wanted: _Wanted, ours: bool) -> bool:
    """Raises ReleaseError where somebody else's object has the name; of a finished copy every name is ours."""
    found = _told_of(bucket, wanted.path)
    if wanted.is_in(found):
        return True
    if found is not None and not ours and found["Metadata"].get(OWNER) != source.manifest_sha256:
        raise ReleaseError(f"{bucket.where(wanted.path)}: is no file of this release, expected a new prefix")
    return False


def _told_of(bucket: _Bucket, path: str) -> dict[str, Any] | None:
    """What the bucket tells of an object, None where there is none. Raises ClientError."""
    try:
        told: dict[str, Any] = bucket.client.head_object(**bucket.object(path))
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise
    return told


def _send(source: Release, bucket: _Bucket, wanted: _Wanted) -> None:
    beside = wanted.path in (PROVENANCE, SUMS, MANIFEST)
    path = source.root / wanted.path if beside else source.verified(source.entry(wanted.path))
    marks = {SHA256: wanted.sha256, OWNER: source.manifest_sha256}
    with _telling(bucket.where(wanted.path)), opening(path, ReleaseError), path.open("rb") as file:
        bucket.client.upload_fileobj(file, bucket.name, bucket.prefix + wanted.path, ExtraArgs={"Metadata": marks})


@contextmanager
def _telling(where: str) -> Iterator[None]:
    """What the client or the bucket refuses becomes a ReleaseError that says where."""
    try:
        yield
    except (BotoCoreError, Boto3Error, ClientError, ValueError) as error:  # ValueError: an endpoint that is no URL
        raise ReleaseError(f"{where}: {reason(error)}") from error
