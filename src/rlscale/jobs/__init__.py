"""Long work on machines: launches, claims, attempts, a full disk, finished results."""
