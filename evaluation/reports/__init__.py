"""From a prediction file to a report: scoring, charts, HTML."""
