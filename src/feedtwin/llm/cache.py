"""Answers on disk, one readable JSON record each, sealed, and keyed by everything that changes the answer.

A record lies at `<folder>/<task>/<two digits>/<key>.json`. Its key is a SHA-256 of task, version, prompt,
schema, server, model, sampling, replicate and the ask's own key; its seal is a hash of all of it. A record that was
altered, moved, linked or is too large is a miss, and counted. With a seal key in the environment
(`FEEDTWIN_CACHE_KEY`) the seal is a MAC, and records of anybody else are misses too. Writing never
replaces a sound answer: whoever came first is the answer. A record that no answer came is no answer: the next
record takes its place.
"""

import fcntl
import hashlib
import hmac
import json
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from threading import get_ident
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from feedtwin.errors import IntegrityError
from feedtwin.record.durable import canonical_json, folder_error

FORMAT: Final = 2
"""Of records and of their keys; since 2 a record says which server answered, and its key depends on it."""
RECORD_BYTES_MAX: Final = 262_144
SEAL_VARIABLE: Final = "FEEDTWIN_CACHE_KEY"
ABSENT: Final = "absent"
"""Why a look-up usually gives nothing: there is no record."""
_TICKET = count()


@dataclass(frozen=True)
class Question:
    """Everything that changes an answer, and nothing else; each field changes the key.

    Attributes:
        task: Name of the task.
        version: Version of the task.
        key: Whose ask it is; with the replicate, the draw index.
        seed: Root seed of the run.
        replicate: Replicate of the run.
        server: What tells the server from others (`LlmSettings.server`).
        model: Name of the model.
        temperature: Sampling temperature.
        tokens_max: Most tokens of an answer.
        sampling_seed: Seed that was sent.
        dialect: Dialect of the schema.
        schema_hash: Hash of the schema that was sent.
        messages: Messages that were sent.
    """

    task: str
    version: int
    key: tuple[int, ...]
    seed: int
    replicate: int
    server: str
    model: str
    temperature: float
    tokens_max: int
    sampling_seed: int
    dialect: str
    schema_hash: str
    messages: tuple[Mapping[str, str], ...]

    def digest(self) -> str:
        """Return the record's key, 64 hex digits."""
        messages = [dict(message) for message in self.messages]
        fields = {"format": FORMAT, **asdict(self), "messages": messages}
        return hashlib.sha256(canonical_json(fields)).hexdigest()


class Entry(BaseModel):
    """What a record says.

    Attributes:
        key: The question's digest.
        task: Name of the task.
        version: Version of the task.
        server: Which server answered; never with a user, a password or a query.
        model: Name of the model.
        request: Fields of the request.
        response: Fields of the response; None if no answer could be used.
        reason: Why none could be used; empty otherwise.
        charged: Micro-dollars that getting it cost, all attempts together.
        tokens: (prompt, completion) as the provider counted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    task: Annotated[str, Field(pattern=r"^[A-Z][A-Z_]{2,40}$")]
    version: Annotated[int, Field(ge=0)]
    server: str
    model: str
    request: dict[str, Any]
    response: dict[str, Any] | None
    reason: str
    charged: Annotated[int, Field(ge=0)]
    tokens: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]


class Cache:
    """A folder of records.

    Attributes:
        misses: Look-ups that gave nothing, by reason; `absent` is the ordinary one.
        damaged: What is wrong with records that could not be used, each once however it was met.
    """

    def __init__(self, folder: Path, seal_key: str | None = None) -> None:
        """Open a folder; it need not exist.

        Args:
            folder: Where the records are.
            seal_key: Secret of the seals; None reads the environment.
        """
        self.folder = folder
        secret = os.environ.get(SEAL_VARIABLE, "") if seal_key is None else seal_key
        self._seal_key = secret.encode("utf-8", "surrogateescape")  # any bytes may be a key
        self.misses: Counter[str] = Counter()
        self.damaged: dict[Path, str] = {}
        self._told = 0

    def get(self, task: str, key: str) -> Entry | None:
        """Return the record of a question, or None; only a sound record is ever returned."""
        path = self._path(task, key)
        try:
            return self._read(path)
        except FileNotFoundError:
            self.misses[ABSENT] += 1
        except IntegrityError:
            self._miss(path, "unsound")
        except OSError:
            self._miss(path, "unreadable")
        return None

    def misfit(self, entry: Entry) -> None:
        """Note that a sound record does not fit what was asked."""
        self._miss(self._path(entry.task, entry.key), "not fitting")

    def newly_damaged(self) -> dict[str, int]:
        """Return how many records were found wanting since the last call, by fault."""
        fresh = list(self.damaged.values())[self._told :]
        self._told = len(self.damaged)
        return dict(Counter(fresh))

    def _miss(self, path: Path, fault: str) -> None:
        self.misses[fault] += 1
        self.damaged.setdefault(path, fault)

    def put(self, entry: Entry, fits: Callable[[Entry], bool] = lambda _: True) -> Entry:
        """Keep a record, unless a sound answer is there; return the record that stands.

        Args:
            entry: The record.
            fits: Whether an answer that is there can be used; one that cannot is replaced.

        Raises:
            RunFolderError: The folder cannot be written.
        """
        path = self._path(entry.task, entry.key)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}.{next(_TICKET)}")
            with os.fdopen(
                os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
            ) as file:
                file.write(self.sealed(entry))
            try:
                return self._place(fresh, path, fits) or entry
            finally:
                fresh.unlink(missing_ok=True)
        except OSError as error:
            raise folder_error(path, error) from error

    def _place(self, fresh: Path, path: Path, fits: Callable[[Entry], bool]) -> Entry | None:
        """Give a finished file its name; return the sound answer that is there and stays, if one is."""
        try:
            os.link(fresh, path)
        except FileExistsError:
            with _alone(path.parent):  # between look and replacement nobody else may replace
                try:
                    standing = self._read(path)
                except (IntegrityError, OSError):
                    standing = None
                if standing is not None and standing.response is not None and fits(standing):
                    return standing
                fresh.replace(path)
        return None

    def sealed(self, entry: Entry) -> bytes:
        """Return a record's bytes, readable, with its seal."""
        body = {"format": FORMAT, **entry.model_dump(mode="json")}
        sealed = {**body, "seal": self._seal(body)}
        return f"{json.dumps(sealed, indent=1, sort_keys=True)}\n".encode("ascii")

    def opened(self, data: bytes, where: str) -> Entry:
        """Return what a record's bytes say.

        Raises:
            IntegrityError: They are no record, or not the one that was written.
        """
        try:
            body = json.loads(data)
            seal = body.pop("seal")
            if not hmac.compare_digest(seal, self._seal(body)):
                raise IntegrityError(
                    f"{where}: seal and content disagree; expected the record that was written (or, with "
                    f"{SEAL_VARIABLE} set, one sealed with that key). Remove it, or import a sound copy"
                )
            found = body.pop("format")
            if found != FORMAT:
                raise IntegrityError(
                    f"{where}: a record of format {found}; expected {FORMAT}. Records before format 2 do not say which "
                    "server answered, so they answer no question of this release: remove it, and ask again"
                )
            return Entry.model_validate_json(canonical_json(body))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise IntegrityError(
                f"{where}: no record of a cache ({type(error).__name__}); expected one JSON object as "
                "`feedtwin llm cache export` writes it"
            ) from None

    def entries(self) -> Iterator[tuple[Path, Entry | IntegrityError]]:
        """Yield every record or what is wrong with it (which is noted), in order of task and key."""
        for path in sorted(self.folder.glob("*/*/*.json")):
            if path.name.startswith("."):
                continue
            try:
                yield path, self._read(path)
            except IntegrityError as error:
                self.damaged.setdefault(path, "unsound")
                yield path, error
            except OSError as error:
                self.damaged.setdefault(path, "unreadable")
                yield path, IntegrityError(f"{path}: cannot be read: {error.strerror}")

    def _seal(self, body: Mapping[str, Any]) -> str:
        data = canonical_json(dict(body))
        if self._seal_key:
            return f"hmac-sha256:{hmac.new(self._seal_key, data, hashlib.sha256).hexdigest()}"
        return f"sha256:{hashlib.sha256(data).hexdigest()}"

    def _path(self, task: str, key: str) -> Path:
        return self.folder / task.lower() / key[:2] / f"{key}.json"

    def _read(self, path: Path) -> Entry:
        entry = self.opened(_bounded(path), str(path))
        if path != self._path(entry.task, entry.key):
            raise IntegrityError(
                f"{path}: holds the record {entry.key[:16]} of {entry.task}; it was moved. Remove it"
            )
        return entry


class Shown(Cache):
    """A folder of records that is only looked at: nothing is kept in it."""

    def put(self, entry: Entry, fits: Callable[[Entry], bool] = lambda _: True) -> Entry:
        """Keep nothing; the record stands."""
        return entry


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other writers, of any thread or process, from replacing records of a folder."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _bounded(path: Path) -> bytes:
    """Return a file's bytes; only of a regular file of bounded size, not through a link."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode) or about.st_size > RECORD_BYTES_MAX:
            raise IntegrityError(f"{path}: no file of a record's size")
        return file.read(RECORD_BYTES_MAX + 1)
