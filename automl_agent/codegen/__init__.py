"""From a dataset to working code: ask, extract, check, run, and ask again with the error."""
