"""Checks that return results and print nothing. `wamon status`, `wamon doctor`, alerts and systemd read the same."""
