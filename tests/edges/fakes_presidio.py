"""A worker that lies: started instead of the real one, with what it does as its argument."""

import sys
import time
from typing import Any

from proxy.edges.presidio.frames import LENGTH_BYTES, body_length, pack, unpack

SPAN = [0, 4, "PERSON", 0.85]
LIES: dict[str, Any] = {
    "honest": {"chars": [4], "spans": [[SPAN]]},
    "half the texts": {"chars": [4], "spans": []},
    "half a text": {"chars": [3], "spans": [[SPAN]]},
    "no lengths": {"spans": [[SPAN]]},
    "no spans": {"chars": [4]},
    "spans of another shape": {"chars": [4], "spans": [[[0, 4]]]},
    "spans are a number": {"chars": [4], "spans": 7},
    "past the end": {"chars": [4], "spans": [[[0, 5, "PERSON", 0.85]]]},
    "before the start": {"chars": [4], "spans": [[[-1, 4, "PERSON", 0.85]]]},
    "backwards": {"chars": [4], "spans": [[[4, 0, "PERSON", 0.85]]]},
    "true is no place": {"chars": [4], "spans": [[[True, 4, "PERSON", 0.85]]]},
    "a kind nobody asked for": {"chars": [4], "spans": [[[0, 4, "URL", 0.85]]]},
    "a score above one": {"chars": [4], "spans": [[[0, 4, "PERSON", 1.5]]]},
    "a score that is no number": {"chars": [4], "spans": [[[0, 4, "PERSON", None]]]},
    "failed": {"failed": "AnalysisDoubtful"},
    "of another question": {"id": 99, "chars": [4], "spans": [[SPAN]]},
}


def main(lie: str) -> None:
    asked = 0
    while head := sys.stdin.buffer.read(LENGTH_BYTES):
        question = unpack(sys.stdin.buffer.read(body_length(head)))
        asked += 1
        if asked == 1:
            answer(pack({"id": 1, "kinds": ["PERSON"], "revision": "liar"}))
        elif lie == "silence":
            time.sleep(60)
        elif lie == "death":
            return
        elif lie == "death in an answer":
            answer(pack({"id": question["id"], **LIES["honest"]})[:-3])
            return
        elif lie == "no json":
            answer((3).to_bytes(LENGTH_BYTES, "big") + b"{a}")
        elif lie == "a list":
            answer((2).to_bytes(LENGTH_BYTES, "big") + b"[]")
        elif lie == "an endless frame":
            answer(b"\xff" * LENGTH_BYTES)
        else:
            answer(pack({"id": question["id"], **LIES[lie]}))


def answer(frame: bytes) -> None:
    sys.stdout.buffer.write(frame)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1])
