"""Subtitle files of any known form, read into sentences with times; what cannot be used is listed, not lost.

Pure reading: no table and no film is touched here (`annotation.media.attach` does that).
"""

from annotation.media.subtitles.cues import Cue, Problem, SubtitleError, Track
from annotation.media.subtitles.film_times import fit_film
from annotation.media.subtitles.reading import read_collection, read_subtitles

__all__ = ["Cue", "Problem", "SubtitleError", "Track", "fit_film", "read_collection", "read_subtitles"]
