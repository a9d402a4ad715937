"""Other hosts: which may be reached, and how long talk with them may take; one HTTP request, one verdict."""
