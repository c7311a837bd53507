"""Ranked lists and answers to numbers: IoU, NMS, ranks, metrics, intervals, baselines. Nothing here reads a file."""
