"""The inference servers."""
