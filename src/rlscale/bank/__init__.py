"""The bank: curves of many sources, and how well laws forecast them."""
