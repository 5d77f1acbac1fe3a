"""Deciphering autoencoders: the objective, its patterns and its clusters."""
