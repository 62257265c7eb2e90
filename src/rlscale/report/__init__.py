"""Figures, tables and pages that people read."""
