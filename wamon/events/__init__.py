"""What others may follow: what happened, as CloudEvents, from a cursor in the order of commits."""
