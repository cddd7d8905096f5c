"""The index of fingerprints on disk, and the documents that it is made from."""
