"""Datasets: read, typed, described and split."""
