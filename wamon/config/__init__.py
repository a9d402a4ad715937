"""The config file, one module a section."""
