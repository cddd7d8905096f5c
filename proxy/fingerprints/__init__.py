"""Finds passages of known documents in texts that do not say where they come from. Pure; no text is kept."""
