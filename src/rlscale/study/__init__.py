"""One folder, one study: configuration, grid, settings of each step, plan, records, cluster."""
