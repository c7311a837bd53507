"""From written negatives to matched ones: what is replaced, in shards, in memory or on files."""
