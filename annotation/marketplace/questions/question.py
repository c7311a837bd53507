"""What a HIT asks: ExternalQuestion, HTMLQuestion or QuestionForm."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from xml.etree.ElementTree import Element

from django.conf import settings

from annotation.marketplace.protocol.errors import refused
from annotation.marketplace.questions import xml
from annotation.marketplace.questions.form import QuestionForm, parse_form

NO_ASSIGNMENT = "ASSIGNMENT_ID_NOT_AVAILABLE"


@dataclass(frozen=True)
class ExternalQuestion:
    url: str
    frame_height: int  # CSS pixels; 0: as high as the window allows


@dataclass(frozen=True)
class HtmlQuestion:
    html: str
    frame_height: int


Question = ExternalQuestion | HtmlQuestion | QuestionForm


def parse_question(text: str) -> Question:
    """Raises XMLParseError, InvalidQuestion."""
    root = xml.parse(text, "the question")
    kind = xml.local_name(root)
    if kind == "ExternalQuestion":
        return ExternalQuestion(_checked_url(xml.child_text(root, "ExternalURL")), _height(root))
    if kind == "HTMLQuestion":
        html = xml.child_text(root, "HTMLContent")
        if not html:
            raise refused("InvalidQuestion", "HTMLQuestion needs an HTMLContent element")
        return HtmlQuestion(html, _height(root))
    if kind == "QuestionForm":
        return parse_form(root)
    raise refused("InvalidQuestion", f"{kind} is none of ExternalQuestion, HTMLQuestion, QuestionForm")


def task_url(url: str, hit_id: str, assignment_id: str = NO_ASSIGNMENT, worker_id: str | None = None) -> str:
    """The frame's address: the requester's URL with the protocol's parameters appended. A preview has no worker."""
    parameters = {"assignmentId": assignment_id, "hitId": hit_id}
    if worker_id is not None:
        parameters |= {"workerId": worker_id, "turkSubmitTo": settings.MARKETPLACE_URL}
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    return urlunsplit(parts._replace(query=urlencode([*query, *parameters.items()])))


def _checked_url(url: str | None) -> str:
    if not url:
        raise refused("InvalidQuestion", "ExternalQuestion needs an ExternalURL element")
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise refused("InvalidQuestion", "ExternalURL must be an absolute HTTPS address without a user name")
    if origin == settings.MARKETPLACE_URL:
        # The frame may run scripts as its own origin; on ours it would be inside the site.
        raise refused("InvalidQuestion", "ExternalURL must not be on the marketplace's own origin")
    if not {origin, f"{parts.scheme}:"} & set(settings.MARKETPLACE_FRAME_ORIGINS):
        raise refused(
            "InvalidQuestion",
            f"{origin} may not be framed here; allowed: {' '.join(settings.MARKETPLACE_FRAME_ORIGINS)}",
        )
    return url


def _height(root: Element) -> int:
    text = xml.child_text(root, "FrameHeight")
    if text is None or not text.isascii() or not text.isdigit() or int(text) > 10_000:
        raise refused("InvalidQuestion", "FrameHeight is required: pixels from 0 (automatic) to 10000")
    return int(text)
