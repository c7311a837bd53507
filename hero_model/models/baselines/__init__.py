"""The models that the paper's tables compare HERO with; same batches, heads, trainer and commands.

h_trm   the cross-modal transformer reads subtitles alone; frames get the max-pooled sentence (Table 2)
f_trm   frames and all sentences as one sequence through one transformer (Table 2)
xml     two streams with late fusion, Lei et al. 2020, retrieval only (Table 3)
stage   QA-guided attention with a span head, Lei et al. 2019, QA only, on frame features (Table 3)
"""
