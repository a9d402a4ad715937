"""What the tests stand on: bridges that write stores, the truth about them, and traffic."""
