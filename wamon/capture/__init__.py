"""From the store to the ledger."""
