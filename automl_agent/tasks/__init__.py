"""Tasks and metrics: what is predicted and how it is scored."""
