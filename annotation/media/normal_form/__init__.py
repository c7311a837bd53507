"""The normal form of a clip, made from films as people have them: `python -m annotation.media.normal_form FILM FOLDER`.

Runs in a child process with limits: it knows neither Django nor the database, and whatever a film does to a decoder it
does to that process. docs/footage.md states the rules.
"""

STILL_EVERY_S = 3.0  # seconds from one thumbnail and its look to the next: at most 20 of a minute
