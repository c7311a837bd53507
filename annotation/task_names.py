"""Tasks of the collecting side, by the names under which they are sent."""

INGEST_VIDEO = "annotation.tasks.ingest_video"
DESCRIBE_CLIPS = "annotation.tasks.describe_clips"
LAUNCH_BATCH = "annotation.tasks.launch_batch"
CLOSE_BATCH = "annotation.tasks.close_batch"
PUSH_DECISION = "annotation.tasks.push_decision"
PUSH_BLOCK = "annotation.tasks.push_block"
STEER_BATCH = "annotation.tasks.steer_batch"
