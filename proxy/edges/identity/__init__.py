"""Who asks: API keys and JWT."""
