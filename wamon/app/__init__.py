"""The composition roots: from a config to what a command, a look or `wamon run` works with."""
