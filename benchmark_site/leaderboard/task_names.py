"""Tasks of the leaderboard, by the names under which they are sent."""

SCORE = "benchmark_site.leaderboard.tasks.score"
SCORE_AGAIN = "benchmark_site.leaderboard.tasks.score_again"
PREDICT = "benchmark_site.leaderboard.tasks.predict"
COMPARE = "benchmark_site.leaderboard.tasks.compare"
TELL = "benchmark_site.leaderboard.tasks.tell"
SEARCH = "benchmark_site.leaderboard.tasks.search"
TRAIN = "benchmark_site.leaderboard.tasks.train"
