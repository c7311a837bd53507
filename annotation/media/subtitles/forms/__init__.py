"""The forms of subtitle files, one parser each: text in, cues and problems into a `Draft`."""
