"""The embedded PostgreSQL: its programs, its home, who holds it, and the server itself."""
