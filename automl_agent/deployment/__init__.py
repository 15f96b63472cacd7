"""Using a finished model on new rows."""
