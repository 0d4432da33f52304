"""A real exchange, through ccxt: what it says is doubted page by page."""
