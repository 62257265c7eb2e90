"""`rlscale gpu-check`: a small study by each launch that a machine allows, and what it shows."""
