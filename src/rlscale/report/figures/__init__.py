"""Figures: one function per figure, from checked tables and fits to a drawing, its data, its words.

``registry`` lists them, ``style`` is the one look, ``output`` writes PDF, PNG, CSV and caption.
"""
