"""From a cleaned answer to its value, by a closed grammar: what no rule knows is not understood.

A module a layer, each resting on those before: ``tokens`` (pieces of text), ``exact`` (their
values), ``cursor`` (a place among tokens), ``operators`` (sums, products, powers), ``expressions``
(numbers, letters, functions), ``measured`` (units), ``brackets`` (tuples, intervals, sets,
matrices), ``relations`` and ``lists`` (what statements say together), ``answers`` (all: ``read``).
"""
