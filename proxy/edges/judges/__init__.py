"""The judges of soft rules."""
