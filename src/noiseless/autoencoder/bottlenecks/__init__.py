"""Bottlenecks: what turns an encoder's outputs into a distribution over codes; one idea a file."""
