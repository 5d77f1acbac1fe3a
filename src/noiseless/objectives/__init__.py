"""Objectives: what is minimised, over which parameters, in which order. One update scheme per file."""
