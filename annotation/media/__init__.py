"""Footage: videos become clips with subtitles and features, and clips reach a browser."""
