"""Clients for language models. This package knows nothing of AutoML."""
