"""Tasks of the releases, by the names under which they are sent."""

BUILD = "benchmark_site.releases.tasks.build"
MATCH_FOLD = "benchmark_site.releases.tasks.match_fold"
