"""Terms added to the reconstruction: one idea a file."""
