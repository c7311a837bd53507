"""Films behind http(s) and s3 links: fetched to the disk within limits of time and size; after a break it goes on."""

from __future__ import annotations

import fcntl
import hashlib
import ipaddress
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import boto3
import httpx
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from django.conf import settings

TRIES = 5  # without a byte between
REDIRECTS = 5
_DIGEST = 8  # hexadecimal digits
LONGEST_NAME, LONGEST_SUFFIX = 100, 10  # bytes: a disk takes 255
LONGEST_SIGNED_S = 7 * 24 * 3600  # what S3 allows
QUIET_S = 30.0  # without a byte the connection counts as broken


class LinkError(ValueError):
    """The film cannot be fetched; the message says why."""


def is_link(text: str) -> bool:
    return "://" in text


def file_name(url: str) -> str:
    """What the film is called there, as far as a disk takes it: at most 100 bytes, its suffix among them.

    A name that has to be cut ends in a part of its hash, since its beginning may be that of others. Raises ValueError.
    """
    told = PurePosixPath("".join(filter(str.isprintable, unquote(urlsplit(url).path))))
    suffix = told.suffix if len(told.suffix) <= LONGEST_SUFFIX and told.suffix.isascii() else ""
    stem, room = told.name.removesuffix(suffix).strip(".").encode(errors="replace"), LONGEST_NAME - len(suffix)
    if len(stem) > room:
        digest = hashlib.sha256(stem).hexdigest()[:_DIGEST].encode()
        stem = stem[: room - _DIGEST - 1] + b"-" + digest
    return (stem.decode(errors="ignore") + suffix) or "film"


@contextmanager
def fetched(url: str) -> Iterator[Path]:
    """The film behind the link as a file in our storage, which is gone afterwards. Raises LinkError.

    What has come of a film that breaks off stays, and another run goes on with it where the site allows that.
    """
    folder = _folder() / hashlib.sha256(url.encode()).hexdigest()[:32]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LinkError("another run is fetching it") from error
        path = folder / f"film-{file_name(url)}"
        _fetch(_signed(url) if url.startswith("s3://") else url, path)
        try:
            yield path
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Forget what broke off so long ago that nobody goes on with it."""
    oldest = time.time() - 24 * 3600 * settings.UPLOAD_EXPIRES_DAYS
    for folder in _folder().glob("*"):
        if max(path.stat().st_mtime for path in (folder, *folder.iterdir())) < oldest:
            shutil.rmtree(folder, ignore_errors=True)


def _folder() -> Path:
    return Path(settings.MEDIA_ROOT) / "links"


def _signed(url: str) -> str:
    """The http(s) link to `s3://bucket/key`, signed with the platform's own credentials. Raises LinkError.

    Only for the buckets that the site names: whoever may list films could read everything else that the platform can.
    """
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if bucket not in settings.S3_BUCKETS:
        raise LinkError(f"s3://{bucket}: not among the buckets that films are fetched from (S3_BUCKETS)")
    if not key:
        raise LinkError(f"{url}: names no film in the bucket")
    try:
        client = boto3.Session().client("s3", config=Config(signature_version="s3v4"))
        return client.generate_presigned_url(
            "get_object", {"Bucket": bucket, "Key": key}, ExpiresIn=min(settings.LINK_MAX_S, LONGEST_SIGNED_S)
        )
    except (BotoCoreError, ValueError) as error:
        raise LinkError(f"{url}: no link can be signed: {error}") from error


def _fetch(url: str, path: Path) -> None:
    deadline, tries, why = time.monotonic() + settings.LINK_MAX_S, 0, ""
    # No proxy of the environment: the addresses that are looked at are those that are connected to.
    with httpx.Client(timeout=QUIET_S, trust_env=False) as client:
        while tries < TRIES:
            before = _size(path)
            try:
                _stream(client, url, path, deadline)
                return
            except httpx.TransportError as error:
                why = str(error) or type(error).__name__
                tries = 0 if _size(path) > before else tries + 1
    raise LinkError(f"the connection broke {TRIES} times without a byte between ({why}): another run goes on")


def _stream(client: httpx.Client, url: str, path: Path, deadline: float) -> None:
    """Fetch the rest of the film, or all of it where it has changed. Raises LinkError, httpx.TransportError."""
    note = path.with_name("version")  # of the file there, so that halves of two films are not joined
    here = _size(path) if note.exists() else 0
    rest = {"Range": f"bytes={here}-", "If-Range": note.read_text()} if here else {}
    with _open(client, url, rest) as answer:
        if answer.status_code == 416 and here:  # all of it is here, or the site cannot tell
            path.unlink()
            raise httpx.RemoteProtocolError("the site knows no such part")
        at = here if answer.status_code == 206 and here else 0
        _check(answer, at)
        version = answer.headers.get("ETag") or answer.headers.get("Last-Modified", "")
        note.unlink(missing_ok=True)
        with path.open("r+b" if at else "wb") as file:
            file.seek(at)
            if version and not version.startswith("W/"):
                note.write_text(version)
            for data in answer.iter_raw():
                at += len(data)
                if at > settings.INGEST_MAX_BYTES:
                    raise LinkError(_too_large())
                if time.monotonic() > deadline:
                    raise LinkError(f"not here after {settings.LINK_MAX_S} s (LINK_MAX_S): another run goes on")
                file.write(data)


def _check(answer: httpx.Response, at: int) -> None:
    """Whether this is a film of a size that is taken, from byte `at` on. Raises LinkError."""
    if answer.status_code not in {200, 206}:
        raise LinkError(f"the site answers {answer.status_code}")
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        raise LinkError("a page, not a film")
    if answer.status_code == 206 and not answer.headers.get("Content-Range", "").startswith(f"bytes {at}-"):
        raise LinkError(f"the site sends another part than that from byte {at} on")
    if at + int(answer.headers.get("Content-Length", 0)) > settings.INGEST_MAX_BYTES:
        raise LinkError(_too_large())


@contextmanager
def _open(client: httpx.Client, url: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
    """The answer at the end of all redirects, each of which is looked at. Raises LinkError."""
    for _ in range(1 + REDIRECTS):
        answer = client.send(_request(client, url, headers), stream=True)
        try:
            if not answer.has_redirect_location:
                yield answer
                return
            url = str(httpx.URL(url).join(answer.headers["Location"]))
        finally:
            answer.close()
    raise LinkError(f"more than {REDIRECTS} redirects")


def _request(client: httpx.Client, url: str, headers: dict[str, str]) -> httpx.Request:
    """To the very address that was looked at: a name may lead elsewhere the next time. Raises LinkError."""
    try:
        wanted = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise LinkError(f"no address: {error}") from error
    if wanted.scheme not in {"http", "https"} or not wanted.host:
        raise LinkError(f"{wanted.scheme or 'this'}: only http, https and s3 links are fetched")
    name = wanted.raw_host.decode()
    return client.build_request(
        "GET",
        wanted.copy_with(host=_address(name, wanted.port or 443)),
        headers={"Accept-Encoding": "identity", **headers, "Host": wanted.netloc.decode()},
        extensions={"sni_hostname": name},
    )


def _address(host: str, port: int) -> str:
    """Where a name leads. Raises LinkError, also where that is inside our own network."""
    try:
        found = [str(place[4][0]) for place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except OSError as error:
        raise LinkError(f"{host}: {error.strerror or error}") from error
    except (UnicodeError, OverflowError) as error:
        raise LinkError(f"{host[:100]}: no name of a site: {error}") from error
    if not settings.LINK_PRIVATE_ADDRESSES and not all(_is_public(address) for address in found):
        raise LinkError(f"{host} is a private address (LINK_PRIVATE_ADDRESSES)")
    return found[0]


def _is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    return parsed.is_global and not parsed.is_multicast


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _too_large() -> str:
    return f"larger than {settings.INGEST_MAX_BYTES / 2**30:g} GiB (INGEST_MAX_BYTES)"
