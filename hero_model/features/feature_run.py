"""Features of many films, resumable: what is done lies beside the target until all of it is."""

import hashlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.io.atomic import atomic_file
from evaluation.release.features import save_features
from hero_model.errors import InputError
from hero_model.features.frame_encoder import Encoder, encode_video
from hero_model.features.video import VideoError


class Broken(NamedTuple):
    """A film that could not be decoded, and why."""

    name: str
    reason: str


def write_features(
    films: Mapping[str, Path],
    encoder: Encoder,
    interval_s: float,
    out: Path,
    *,
    skip_broken: bool = False,
    done: Callable[[str], None] = lambda name: None,
) -> list[Broken]:
    """Write {name: float32 [frames, dim]} to `out`, one frame per `interval_s` seconds; the broken films left out.

    Each film's features are kept in `out`.parts as soon as they are there, so that a run that was killed goes on.
    Raises InputError, with every broken film, unless `skip_broken`, and where none is whole.
    """
    parts = out.with_name(out.name + ".parts")
    parts.mkdir(exist_ok=True)
    vectors: dict[str, NDArray[np.float32]] = {}
    broken: list[Broken] = []
    for name, film in sorted(films.items()):
        try:
            vectors[name] = _remembered(parts, film, encoder, interval_s)
        except VideoError as error:
            broken.append(Broken(name, str(error)))
        done(name)
    if not any(parts.iterdir()):
        parts.rmdir()
    if broken and not (skip_broken and vectors):
        reasons = "".join(f"\n  {film.reason}" for film in broken)
        kept = f"\nthe others lie in {parts}: mend these and run again, or --skip-broken" if vectors else ""
        raise InputError(f"{len(broken)} of {len(films)} films cannot be decoded:{reasons}{kept}")
    with atomic_file(out) as unfinished:
        save_features(unfinished, vectors, model=encoder.name, interval_s=interval_s)
    shutil.rmtree(parts)
    return broken


def _remembered(parts: Path, film: Path, encoder: Encoder, interval_s: float) -> NDArray[np.float32]:
    """The film's features, from `parts` where the same film was described there in the same way."""
    try:
        seen = film.stat()
    except OSError as error:
        raise VideoError(f"{film}: {error.strerror}") from error
    key = repr((str(film.resolve()), seen.st_size, seen.st_mtime_ns, encoder.name, interval_s))
    part = parts / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npy"
    if not part.exists():
        vectors = encode_video(film, encoder, interval_s)
        with atomic_file(part) as unfinished, unfinished.open("wb") as file:
            np.save(file, vectors, allow_pickle=False)
    return np.load(part, allow_pickle=False)
