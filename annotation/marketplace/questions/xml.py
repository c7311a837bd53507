"""Requesters' XML, parsed without entities, DTDs or network, and the namespaces of the protocol."""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from annotation.marketplace.protocol.errors import refused

SCHEMAS = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/"
ANSWERS_NS = SCHEMAS + "2005-10-01/QuestionFormAnswers.xsd"


def parse(text: str, what: str) -> Element:
    """Raises XMLParseError for text that is not well-formed, or that carries a DTD or entities."""
    try:
        return fromstring(text.encode(), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise refused("XMLParseError", f"There was an error parsing the XML of {what}: {error}") from None


def local_name(element: Element) -> str:
    """The tag without its namespace, which must be one of the protocol's; InvalidQuestion otherwise."""
    namespace, _, name = element.tag.rpartition("}")
    if not namespace.startswith("{" + SCHEMAS):
        raise refused("InvalidQuestion", f"The root element {name} must be in a namespace below {SCHEMAS}")
    return name


def child_text(element: Element, name: str) -> str | None:
    """The text of the first child with this local name, stripped; None where there is no such child."""
    found = child(element, name)
    return None if found is None else (found.text or "").strip()


def child(element: Element, name: str) -> Element | None:
    return next((node for node in element if node.tag.rpartition("}")[2] == name), None)


def children(element: Element, name: str) -> list[Element]:
    return [node for node in element if node.tag.rpartition("}")[2] == name]
