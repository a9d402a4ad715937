"""The page and the endpoints of `wamon web`. It knows PostgreSQL alone, opens no store and calls nobody."""
