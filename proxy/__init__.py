"""Sluicegate: a policy-enforcing AI proxy and sidecar.

It decides what may pass between people, agents and open-weight models, and turns what passed into
the company's own training data. The floors of this house are listed in `docs/architecture.md`.
"""

__version__ = "0.1.0"
