"""What the proxy costs: a stand-in upstream, a bare passthrough to compare with, drivers, and a table.

Nothing here is part of the product. Everything talks over loopback, on ephemeral ports.
"""
