"""What a study says: forecasts and their scores, recommendations, comparisons, checks."""
