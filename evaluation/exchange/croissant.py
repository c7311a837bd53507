"""croissant.json: the release in MLCommons' Croissant 1.1, with the hash of every public file."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from evaluation.exchange.about import NOT_STATED, About
from evaluation.exchange.tables import SCHEMAS
from evaluation.io.jsonl import decode_json
from evaluation.release.names import SPLITS, table_name
from evaluation.release.schema import ManifestFile, ReleaseError, Task

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
    "sc": "https://schema.org/",
}
MEDIA_TYPES = {
    "csv": "text/csv",
    "json": "application/json",
    "jsonl": "application/jsonlines",
    "md": "text/markdown",
    "parquet": "application/x-parquet",
    "safetensors": "application/octet-stream",
}
TYPES = {pa.int64(): "sc:Integer", pa.float64(): "sc:Float", pa.string(): "sc:Text"}
SPDX_PAGE = "https://spdx.org/licenses/{}.html"
PERSON = "sc:Person"
WITHHELD = "The truth of the test split is withheld; a board scores it."


def croissant(
    about: About, files: Sequence[ManifestFile], tasks: Sequence[Task], collection: str, biases: str
) -> bytes:
    """The description of the public files, which lie beside it. `collection` and `biases` are sentences for RAI."""
    public = [file for file in files if file.access == "public"]
    said: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": about.name,
        "version": about.version,
        "description": f"{about.description or about.title}\n\n{WITHHELD}\n\n{about.canary}",
        "url": "./",
        "license": SPDX_PAGE.format(about.licence) if about.licence else NOT_STATED,
        "creator": [{"@type": PERSON, "name": name} for name in about.authors]
        or [{"@type": "sc:Organization", "name": f"The makers of {about.name}"}],
        "citeAs": f"{'; '.join(about.authors) or f'The makers of {about.name}'}: {about.title}, data set",
        "rai:dataCollection": collection,
        "rai:dataBiases": biases,
        "rai:dataUseCases": "Moment retrieval in videos, video retrieval, multiple-choice questions about videos.",
        "distribution": [_file(file) for file in public],
        "recordSet": [_records(task, split) for task in tasks for split in SPLITS],
    }
    return f"{json.dumps(said, ensure_ascii=False, indent=1)}\n".encode()


class _Creator(msgspec.Struct):
    name: str
    type: str = msgspec.field(name="@type", default="")


class _Description(msgspec.Struct):
    """What is read again of such a file."""

    description: str = ""
    license: str = ""
    creator: list[_Creator] = []


def said_in(raw: bytes, path: Path) -> tuple[str, list[str], str]:
    """(description, authors, licence) as `croissant` was told them; `path` is for messages. Raises ReleaseError."""
    found = decode_json(raw, path, _Description, ReleaseError)
    before, after = SPDX_PAGE.split("{}")
    stated = found.license.startswith(before) and found.license.endswith(after)
    return (
        found.description.partition(f"\n\n{WITHHELD}")[0],
        [creator.name for creator in found.creator if creator.type == PERSON],
        found.license.removeprefix(before).removesuffix(after) if stated else "",
    )


def _file(file: ManifestFile) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "contentUrl": file.path,
        "contentSize": f"{file.bytes} B",
        "encodingFormat": MEDIA_TYPES.get(file.path.rpartition(".")[2], "text/plain"),
        "sha256": file.sha256,
    }


def _records(task: Task, split: str) -> dict[str, Any]:
    name = f"{task}_{split}"
    columns = [column for column in SCHEMAS[task] if split != "test" or column.name not in WITHHELD_COLUMNS[task]]
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "field": [_field(name, table_name(task, split), column) for column in columns],
    }


WITHHELD_COLUMNS: dict[Task, set[str]] = {
    "moment": {"vid_name", "video", "duration", "start", "end"},
    "qa": {"answer_idx", "start", "end"},
}


def _field(records: str, path: str, column: pa.Field) -> dict[str, Any]:
    listed = pa.types.is_list(column.type)
    kind = column.type.value_type if listed else column.type
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{records}/{column.name}",
        "name": column.name,
        "dataType": TYPES[kind],
        "source": {"fileObject": {"@id": path}, "extract": {"column": column.name}},
    }
    return field | {"repeated": True} if listed else field
