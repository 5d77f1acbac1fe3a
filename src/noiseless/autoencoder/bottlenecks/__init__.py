"""Bottlenecks: what turns an encoder's outputs into a law over codes; one idea a file."""
