"""The order of the stages: admission → redaction → soft rules → prompt → upstream → answer → record.

Async, and made of protocols only: what the stages do stands on the floors below, how the world is
reached in the edges above.
"""

from proxy.conductor.conductor import Conductor, Reply
from proxy.conductor.house import Doors, House, Meter, NoIndex

__all__ = ["Conductor", "Doors", "House", "Meter", "NoIndex", "Reply"]
