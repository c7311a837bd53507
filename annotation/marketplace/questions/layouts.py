"""HIT layouts: designs kept here, filled with a HIT's parameters into an HTMLQuestion."""

from __future__ import annotations

import re

from annotation.marketplace.models import HitLayout, Requester
from annotation.marketplace.protocol.errors import refused
from annotation.marketplace.questions import xml

HTML_QUESTION_NS = xml.SCHEMAS + "2011-11-11/HTMLQuestion.xsd"
_PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9_.-]{1,100})\}")


def layout_of(requester: Requester, public_id: str) -> HitLayout:
    layout = HitLayout.objects.filter(requester=requester, public_id=public_id).first()
    if layout is None:
        raise refused("HITLayoutDoesNotExist", f"HITLayout {public_id} does not exist.")
    return layout


def fill(layout: HitLayout, parameters: list[dict[str, str]]) -> str:
    """The question with every placeholder replaced; values stand in the page as they are, HTML included.

    Raises a RequestError that names placeholders without a value.
    """
    values = {parameter["Name"]: parameter["Value"] for parameter in parameters}
    missing = sorted(set(_PLACEHOLDER.findall(layout.html)) - set(values))
    if missing:
        raise refused("AWS.MissingParameters", f"HITLayoutParameters lack: {', '.join(missing)}")
    html = _PLACEHOLDER.sub(lambda match: values[match[1]], layout.html)
    safe = html.replace("]]>", "]]]]><![CDATA[>")
    return (
        f'<HTMLQuestion xmlns="{HTML_QUESTION_NS}"><HTMLContent><![CDATA[{safe}]]></HTMLContent>'
        "<FrameHeight>0</FrameHeight></HTMLQuestion>"
    )
