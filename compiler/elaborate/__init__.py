"""Elaboration: the syntax tree becomes a graph. Names are resolved, blocks instantiated, shapes inferred on the way."""
