"""Is a sum even? One of each thing that another package can add to rlscale."""
