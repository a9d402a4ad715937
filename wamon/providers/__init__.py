"""One pure module a sender: the request by which a reply leaves, and what its answer means."""
