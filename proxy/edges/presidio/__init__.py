"""Presidio in worker processes, and the cache in front of it."""
