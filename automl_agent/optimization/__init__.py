"""The search: SMAC asks and is told, executors run the fits, every step is recorded."""
