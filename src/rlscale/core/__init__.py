"""What every package uses: cells, digests, files, manifests, tables, errors."""
