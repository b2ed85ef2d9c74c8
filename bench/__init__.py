"""Benchmarks: one file per row, run by script/bench; ucam and a peer in turn, in one run on one machine."""
