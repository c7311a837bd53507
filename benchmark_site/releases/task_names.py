"""Tasks of the releases, by the names under which they are sent."""

BUILD = "benchmark_site.releases.tasks.build"
MATCH_SHARD = "benchmark_site.releases.tasks.match_fold"  # its first name: messages that wait bear it, and `fold`
