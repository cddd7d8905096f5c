"""The programme of the demo: set the stage, lead the tour, then stay up until somebody presses Ctrl-C."""

import asyncio
import contextlib
from pathlib import Path

from proxy.demo.show import Show
from proxy.demo.stage import ProxyFailed, Stage, set_stage
from proxy.demo.tour import run_tour

HINTS = """
The proxy stays up at {url}. Try it:

  curl -s {url}/v1/chat/completions -H 'Authorization: Bearer {key}' \\
       -H 'Content-Type: application/json' \\
       -d '{{"model": "smollm2", "messages": [{{"role": "user", "content": "Hello"}}], "max_tokens": 40}}'

  from openai import OpenAI
  client = OpenAI(base_url="{url}/v1", api_key="{key}")
  print(client.chat.completions.create(model="smollm2", messages=[{{"role": "user", "content": "Hello"}}]))

Its configuration is {config}, its records {state} (try: sluicegate records ls --state {state}).
Press Ctrl-C to stop."""


async def play(folder: Path, listen: str, admin: str, *, once: bool) -> int:
    """0 when every claim of the tour held, else 1."""
    show = Show()
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    try:
        async with set_stage(folder, listen, admin, show) as stage:
            failed = await run_tour(stage.guests, show)
            show.plain(f"\n{_verdict(failed)}")
            if not once:
                await _stay(stage, show)
    except ProxyFailed:
        show.plain(f"The proxy did not start. It said:\n{(folder / 'proxy.log').read_text()}")
        return 1
    return 1 if failed else 0


def _verdict(failed: int) -> str:
    return "Every step did what it claims." if not failed else f"{failed} claims did not hold."


async def _stay(stage: Stage, show: Show) -> None:
    state = stage.config.parent / "state"
    show.plain(HINTS.format(url=stage.url, key=stage.finance_key, config=stage.config, state=state))
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
