"""From search results to the model that a run delivers."""
