"""What is minimised, over which parameters, in which order: one update scheme a file."""
