"""What a run says about itself: records, scores, outcome, summaries."""
