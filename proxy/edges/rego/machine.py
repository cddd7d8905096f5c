"""Runs Rego that OPA compiled to WebAssembly: JSON bytes in, JSON bytes out, bounded in steps and memory.

Knows OPA's Wasm interface (https://www.openpolicyagent.org/docs/wasm, ABI 1.2 and later) and nothing of what
the policies mean. A machine that trapped is thrown away; the next question gets a fresh one.
"""

import ctypes
from collections.abc import Callable, Mapping

import orjson
import wasmtime
from wasmtime import _ffi as ffi
from wasmtime._func import enter_wasm

from proxy.exchange import Json

PAGE = 65_536

# A module asks for two pages whatever the size of its constants; OPA's own host gives it 16. Pages that
# nobody touches cost nothing.
FIRST_PAGES = 64

# The heap holds the data document, one input and one evaluation; the default policies use 0.2 MB.
MAX_MEMORY_BYTES = 256 * 1024 * 1024

# `opa_eval` takes (reserved, entrypoint, data, input, input length, heap, format); format 0 is JSON.
ARGUMENTS = 7


class WasmTrap(Exception):
    """The policies ran into an error, or out of steps or memory. `message` is a place, never content."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RegoMachine:
    """One compiled policy with its data. Not for use by two threads at once."""

    def __init__(self, wasm: bytes, document: bytes, *, fuel: int) -> None:
        """`document`: the JSON of `data`. `fuel`: Wasm instructions that one evaluation may take.

        Raises WasmTrap if this is not a policy that OPA compiled, or its data does not fit.
        """
        config = wasmtime.Config()
        config.consume_fuel = True
        try:
            self._engine = wasmtime.Engine(config)
            self._module = wasmtime.Module(self._engine, wasm)
        except wasmtime.WasmtimeError as error:
            raise WasmTrap("not a WebAssembly module") from error
        self._document = document
        self._fuel = fuel
        self._instance: _Instance | None = self._make()
        self.builtins: Mapping[str, int] = orjson.loads(self._instance.describe("builtins"))
        self.entrypoints: Mapping[str, int] = orjson.loads(self._instance.describe("entrypoints"))

    def evaluate(self, entrypoint: str, document: bytes) -> list[dict[str, Json]]:
        """The result set: `[{"result": …}]`, or `[]` when the entrypoint is undefined. Raises WasmTrap."""
        instance = self._instance or self._make()
        self._instance = None  # until it has come back whole
        text = instance.evaluate(self.entrypoints[entrypoint], document)
        try:
            results: list[dict[str, Json]] = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise WasmTrap("the result is not JSON") from error
        self._instance = instance
        return results

    def _make(self) -> "_Instance":
        try:
            return _Instance(self._engine, self._module, self._document, self._fuel)
        except (wasmtime.WasmtimeError, wasmtime.Trap, KeyError) as error:
            raise WasmTrap("not a policy that OPA compiled") from error


class _Instance:
    """One memory with the data document in it. Evaluations start from the same heap each time.

    The one call that matters is made through wasmtime's C interface: the checked Python call costs more
    (75 µs) than most decisions do, because it asks for the function's type and boxes each argument anew.
    """

    def __init__(self, engine: wasmtime.Engine, module: wasmtime.Module, document: bytes, fuel: int) -> None:
        self._fuel = fuel
        self._aborted = ""
        self._store = store = wasmtime.Store(engine)
        store.set_limits(memory_size=MAX_MEMORY_BYTES)
        store.set_fuel(fuel)
        self._memory = wasmtime.Memory(store, wasmtime.MemoryType(wasmtime.Limits(FIRST_PAGES, None)))
        instance = wasmtime.Instance(store, module, [self._import(one) for one in module.imports])
        self._exports = instance.exports(store)
        evaluate = self._exports["opa_eval"]
        assert isinstance(evaluate, wasmtime.Func)  # noqa: S101  # for the type checker; KeyError if it is missing
        self._evaluate = ctypes.byref(evaluate._func)  # noqa: SLF001  # the C interface is behind the wall
        self._context = store._context()  # noqa: SLF001  # as above
        self._arguments = (ffi.wasmtime_val_raw_t * ARGUMENTS)()
        self._document = self._parse(document)
        self._heap: int = self._call("opa_heap_ptr_get")

    def describe(self, export: str) -> bytes:
        """What the module says about itself, as JSON."""
        return self._string(self._call("opa_json_dump", self._call(export)))

    def evaluate(self, entrypoint: int, document: bytes) -> bytes:
        end = self._heap + len(document)
        self._write(self._heap, document)
        arguments = self._arguments
        values = (0, entrypoint, self._document, self._heap, len(document), end, 0)
        for index, value in enumerate(values):
            arguments[index].i32 = value
        self._store.set_fuel(self._fuel)
        try:
            with enter_wasm(self._store) as trap:
                error = ffi.wasmtime_func_call_unchecked(
                    self._context, self._evaluate, arguments, ARGUMENTS, trap
                )
                if error:  # type: ignore[truthy-bool]  # a null pointer is false
                    raise wasmtime.WasmtimeError._from_ptr(error)  # noqa: SLF001  # as above
        except (wasmtime.Trap, wasmtime.WasmtimeError) as failure:
            raise WasmTrap(
                self._aborted or "the evaluation took too many steps or too much memory"
            ) from failure
        return self._string(arguments[0].i32)

    def _parse(self, document: bytes) -> int:
        address = self._call("opa_malloc", len(document))
        self._write(address, document)
        parsed = self._call("opa_json_parse", address, len(document))
        if not parsed:
            raise WasmTrap("the data document is not JSON")
        return parsed

    def _call(self, export: str, *arguments: int) -> int:
        function = self._exports[export]
        assert isinstance(function, wasmtime.Func)  # noqa: S101  # as above
        address: int = function(self._store, *arguments)
        return address

    def _base(self) -> int:
        """Where the memory begins. Asked for each time, because a memory that grows may move."""
        return ctypes.addressof(self._memory.data_ptr(self._store).contents)

    def _write(self, address: int, content: bytes) -> None:
        missing = address + len(content) - self._memory.data_len(self._store)
        if missing > 0:
            try:
                self._memory.grow(self._store, missing // PAGE + 1)
            except wasmtime.WasmtimeError as error:
                raise WasmTrap("the document does not fit into memory") from error
        ctypes.memmove(self._base() + address, content, len(content))

    def _string(self, address: int) -> bytes:
        return ctypes.string_at(self._base() + address)

    def _import(self, wanted: wasmtime.ImportType) -> wasmtime.Memory | wasmtime.Func:
        if wanted.name == "memory":
            return self._memory
        kind = wanted.type
        assert isinstance(kind, wasmtime.FuncType)  # noqa: S101  # OPA's modules import nothing else
        return wasmtime.Func(self._store, kind, self._stop(wanted.name or ""))

    def _stop(self, name: str) -> Callable[..., int]:
        """Every function of the host stops the evaluation: an abort means it, and builtins we have none."""

        def stop(address: int, *_: int) -> int:
            self._aborted = self._string(address).decode() if name == "opa_abort" else f"{name} was called"
            raise wasmtime.WasmtimeError(self._aborted)

        return stop
