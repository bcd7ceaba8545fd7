"""Gates and scores of a picture: verdicts with named failures, from thresholds in one file."""
