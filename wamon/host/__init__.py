"""What is this machine's: its signals, processes and memory, and what systemd is told."""
