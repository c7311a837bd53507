"""Tasks of the collecting side, by the names under which they are sent."""

INGEST_VIDEO = "annotation.tasks.ingest_video"
TRANSCRIBE_VIDEO = "annotation.tasks.transcribe_video"
LAUNCH_BATCH = "annotation.tasks.launch_batch"
CLOSE_BATCH = "annotation.tasks.close_batch"
PUSH_DECISION = "annotation.tasks.push_decision"
