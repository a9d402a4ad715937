"""What is recorded, with its SQL."""
