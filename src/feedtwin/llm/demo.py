"""A real model server that needs no download: llama.cpp in this process, with a tiny model made here.

The model has random weights. Held to a grammar it writes valid answers that mean nothing: it shows that
the way to a model works, and is evidence of nothing else. Everything that it answers should be read so.
"""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from feedtwin.errors import LLMError
from feedtwin.llm.clients import require
from feedtwin.numerics import normal_quantile32, uniform32
from feedtwin.randomness import philox4x32

INSTALL: Final = "pip install 'feedtwin[llm,llm-local]'"
MODEL: Final = "feedtwin-demo"
LABEL: Final = "plumbing, not evidence: a model with random weights"
_HOST: Final = "127.0.0.1"
_BLOCK: Final = 0xFFE
"""No stream of a run has this block."""
_WIDTH, _LAYERS, _HEADS, _INNER = 64, 2, 4, 128
_SPREAD: Final = np.float32(0.08)
_CHAT: Final = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant: "
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
"""Kinds of tokens in the file format."""


@dataclass(frozen=True)
class Running:
    """A demo server that is up.

    Attributes:
        address: Its base URL.
        model: Name of its model.
    """

    address: str
    model: str = MODEL


def write_model(path: Path, seed: int = 0, context: int = 8192) -> None:
    """Write a Llama model with random weights: 64 wide, 2 layers, bytes and ASCII as tokens; 0.6 MB.

    Args:
        path: The file.
        seed: Seed of the weights, 0 .. 2**32 - 1.
        context: Tokens that a request and its answer may have together.

    Raises:
        LLMError: The extra is not installed.
    """
    require("gguf", install=INSTALL)
    import gguf

    tokens, kinds = _vocabulary()
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(f"{MODEL} ({LABEL})")
    writer.add_context_length(context)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_INNER)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(0)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(_CHAT)
    for number, (name, shape) in enumerate(_tensors(len(tokens))):
        writer.add_tensor(name, _weights(shape, seed, number))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@contextmanager
def demo_server(
    key: str, port: int = 0, seed: int = 0, slots: int = 2, is_quiet: bool = True
) -> Iterator[Running]:
    """Run the demo server on the loopback interface.

    Args:
        key: Key that clients must send; a server without one answers any web page.
        port: Port; 0 takes a free one.
        seed: Seed of the model's weights.
        slots: Requests that it works on at once.
        is_quiet: Whether the server's own messages are left out.

    Raises:
        LLMError: The extra is not installed, or something listens on the port already.
    """
    require("xllamacpp", install=INSTALL)
    import xllamacpp

    _check_port(port)

    assert key, "a server without a key is open to any web page"
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{MODEL}.gguf"
        write_model(path, seed)
        with _silenced(is_quiet):
            server = xllamacpp.Server(_options(xllamacpp, path, key, port, slots))
        try:
            yield Running(f"{server.listening_address}/v1")
        finally:
            with _silenced(is_quiet):
                del server


def _check_port(port: int) -> None:
    with socket.socket() as trial:
        trial.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # one that is being let go is free
        try:
            trial.bind((_HOST, port))
        except OSError as error:
            raise LLMError(
                f"demo server: port {port} of {_HOST} cannot be used ({error.strerror}); expected a free port. "
                "Choose another with --port, or let --port 0 find one"
            ) from None


def _options(xllamacpp: Any, path: Path, key: str, port: int, slots: int) -> Any:
    options = xllamacpp.CommonParams()
    options.model.path = str(path)
    options.model_alias = {MODEL}
    options.hostnames = [_HOST]
    options.port = port
    options.api_keys = [key]
    options.n_parallel = slots
    options.n_ctx = 8192 * slots
    options.n_gpu_layers = 0
    options.n_threads_http = slots + 2
    options.cpuparams.n_threads = 1
    options.cpuparams_batch.n_threads = 1
    options.cache_prompt = (
        False  # a reused prefix changes the order of sums, and with it the answer
    )
    options.warmup = False
    options.ui = False
    options.offline = True
    options.verbosity = -1
    return options


def _vocabulary() -> tuple[list[bytes], list[int]]:
    tokens = [b"<unk>", b"<s>", b"</s>", *(f"<0x{byte:02X}>".encode() for byte in range(256))]
    kinds = [_UNKNOWN, _CONTROL, _CONTROL, *(_BYTE for _ in range(256))]
    for code in range(32, 127):
        tokens.append("\u2581".encode() if code == 32 else bytes([code]))
        kinds.append(_NORMAL)
    return tokens, kinds


def _tensors(vocabulary: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield name and shape of each tensor; one axis means a scale of ones."""
    yield "token_embd.weight", (vocabulary, _WIDTH)
    yield "output_norm.weight", (_WIDTH,)
    yield "output.weight", (vocabulary, _WIDTH)
    for layer in range(_LAYERS):
        start = f"blk.{layer}."
        yield f"{start}attn_norm.weight", (_WIDTH,)
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield f"{start}{name}.weight", (_WIDTH, _WIDTH)
        yield f"{start}ffn_norm.weight", (_WIDTH,)
        yield f"{start}ffn_gate.weight", (_INNER, _WIDTH)
        yield f"{start}ffn_up.weight", (_INNER, _WIDTH)
        yield f"{start}ffn_down.weight", (_WIDTH, _INNER)


def _weights(shape: tuple[int, ...], seed: int, number: int) -> np.ndarray:
    if len(shape) == 1:
        return np.ones(shape, np.float32)
    index = np.arange(int(np.prod(shape)), dtype=np.uint32)
    zero = np.zeros(1, np.uint32)
    words = philox4x32(index, np.full_like(index, number), zero, zero, seed, _BLOCK)
    return (_SPREAD * normal_quantile32(uniform32(words[0]))).reshape(shape)


@contextmanager
def _silenced(is_quiet: bool) -> Iterator[None]:
    """Send what native code writes to standard error nowhere."""
    if not is_quiet:
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
