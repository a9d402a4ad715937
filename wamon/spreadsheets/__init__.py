"""Files that people exchange: numbers in, posts out."""
