"""How far an output is from its datum: one kind of distance a file."""
