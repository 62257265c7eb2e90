"""Tables of curves: joined from cells, or read from other people's runs."""
