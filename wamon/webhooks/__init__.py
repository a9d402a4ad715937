"""Deliveries of providers: proven and kept as they came, then recorded. In between lies PostgreSQL alone."""
