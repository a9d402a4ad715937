"""wamon under systemd: its units, its restarts, and what is kept of them."""
