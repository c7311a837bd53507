"""Tasks of the leaderboard, by the names under which they are sent."""

SCORE = "benchmark_site.leaderboard.tasks.score"
TRAIN = "benchmark_site.leaderboard.tasks.train"
