"""The serving index of a step, and the slates served from it.

`Feeds` is an index: rings, base scores, what followees show, cards. It is made anew at every step barrier from
the policies' answers and from frozen tables, and holds no state. Requests for feeds and for lists are served
together: one batch in, one batch out, rows in the order of the requests.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from feedtwin.columns import FrozenColumns
from feedtwin.kernels.binding import Kernels
from feedtwin.policies.interface import Pool, Ranking, View
from feedtwin.randomness import Draws
from feedtwin.schema.batches import EventBatch, SlateBatch
from feedtwin.schema.codes import FeedKind
from feedtwin.twins.platform.feed import serving
from feedtwin.twins.platform.feed.asking import ask_boost, ask_pools, ask_ranking
from feedtwin.twins.platform.feed.cards import serving_cards
from feedtwin.twins.platform.feed.inserting import drop_bare
from feedtwin.twins.platform.feed.lists import SCALARS as LISTED
from feedtwin.twins.platform.feed.lists import Lists
from feedtwin.twins.platform.feed.retrieval import NO_ITEM
from feedtwin.twins.platform.feed.rings import Rings, build_rings, public_only
from feedtwin.twins.platform.feed.wall import wall
from feedtwin.twins.platform.levers import Levers

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Sources:
    """What serving reads of the twins: frozen tables and look-ups.

    Attributes:
        query: The vectors matched against, int16 (U, D); a call, because estimates move within a step.
        restrictions: What some users may not see at a step: `serving.MAY_SEE` arrays, or none.
        history: The seen-store.
        topics: Category vectors, int8 (K, D), and 1 / their norms.
    """

    query: Callable[[], np.ndarray]
    restrictions: Callable[[], Mapping[str, np.ndarray]]
    items: FrozenColumns
    accounts: FrozenColumns
    catalogue: FrozenColumns
    history: FrozenColumns
    ties: object
    topics: tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Prepared:
    """What is fixed for a step: pools as rings, the parts of the item-only score, who shows what."""

    step: int
    rings: Rings
    ranking: Ranking | None
    boost: np.ndarray
    odds: np.ndarray | None
    """Score that governance adds, float32 (V,), if it adds any."""
    base: np.ndarray
    wall: np.ndarray
    lists: Lists
    cards: Mapping[str, np.ndarray]
    restrictions: Mapping[str, np.ndarray]


class Feeds:
    """Serves the requests of a step from what was prepared at its barrier."""

    def __init__(
        self, levers: Levers, sources: Sources, limits: tuple[int, int, int], draws: Draws,
        kernels: Kernels,
    ) -> None:  # fmt: skip
        """Bind levers and tables; `limits` are no_repeat, share window in steps, candidates of a list."""
        self._levers, self._sources = levers, sources
        self._no_repeat, self._share_window_steps, self._list_candidates = limits
        self._draws, self._kernels = draws, kernels
        self._now: Prepared | None = None

    @property
    def slate_size(self) -> int:
        """Slots of a slate."""
        return self._levers.slate_size

    @property
    def now(self) -> Prepared:
        """What was prepared for the present step."""
        assert self._now is not None, "prepare comes before serve"
        return self._now

    def prepare(self, view: View, odds: np.ndarray | None = None) -> None:
        """Ask the policies, and index their answers; `odds` float32 (V,) is what governance adds to scores."""
        levers, items, step = self._levers, self._sources.items, view.step
        pools: list[Pool] = [
            public_only(pool, items) for pool in ask_pools(levers.recommendation, view)
        ]
        rings = build_rings(
            pools, items.category, items.creator, items.ordinal, len(self._sources.topics[0]),
            levers.category_picks, step, self._draws,
        )  # fmt: skip
        ranking = ask_ranking(levers.recommendation, view)
        boost = ask_boost(levers.promotion, view)
        base = boost if ranking is None else ranking.base + boost
        base = base if odds is None else base + odds
        base = np.ascontiguousarray(base, np.float32)
        lists = Lists(
            items, pools, self._sources.catalogue.velocity, self._list_candidates, step, self._draws
        )
        cards: Arrays = {}  # an index for the native path (decision 0014)
        if self._kernels.native:
            cards = serving_cards(
                items.vector, items.ordinal, items.inv_norm, items.creator, base, rings.row
            )
        shown = wall(self._sources.accounts, items, step, self._share_window_steps)
        self._now = Prepared(
            step, rings, ranking, boost, odds, base, shown, lists, cards,
            self._sources.restrictions(),
        )  # fmt: skip

    # -- slates ----------------------------------------------------------------------------------

    def serve(
        self, asked: EventBatch, view: Callable[[int], View], inserts: np.ndarray | None
    ) -> SlateBatch:
        """Return one slate per request; `inserts` u4 (R, S) are rows that rules placed."""
        if not len(self._sources.items):  # nothing was ever made
            return self._batch(asked, serving.slate_arrays(asked.rows, self.slate_size, None), None)
        lanes = np.flatnonzero(asked.kind != FeedKind.FEED)
        out = self._slates(as_feed(asked), view, inserts)
        if len(
            lanes
        ):  # lists are few: cheaper to make them beside than to part the others from them
            placed = None if inserts is None else inserts[lanes]
            listed = self._slates(some(asked, lanes), view, placed)
            # Where a list holds nothing that the user may see, the feed goes on.
            found = ((listed["row"] != NO_ITEM) & (listed["inserted"] == 0)).any(axis=1)
            for name, array in listed.items():
                out[name][lanes[found]] = array[found]
        return self._batch(asked, out, inserts)

    def _batch(self, asked: EventBatch, out: Arrays, inserts: np.ndarray | None) -> SlateBatch:
        if inserts is not None:
            drop_bare(out, inserts)
        return serving.slate_batch(asked, out, self._levers.policy_code)

    def _slates(
        self, asked: EventBatch, view: Callable[[int], View], inserts: np.ndarray | None
    ) -> Arrays:
        """Return the arrays of slates for requests that are all for feeds, or all for lists."""
        index, scalars, candidates = self.read_by(asked)
        size = self._levers.slate_size
        if self._kernels.native and self.now.ranking is not None:
            return serving.serve_fused(self._kernels, asked, index, scalars, size, inserts)
        chosen = serving.retrieve(self._kernels, asked, index, scalars, candidates)
        score = self.scores(asked, view, index, scalars, chosen)
        return serving.select(self._kernels, asked, index, scalars, chosen, score, size, inserts)

    def scores(
        self,
        asked: EventBatch,
        view: Callable[[int], View],
        index: Mapping[str, np.ndarray],
        scalars: serving.Scalars,
        chosen: Mapping[str, np.ndarray],
    ) -> np.ndarray:
        """Return the scores of candidates, float32 (R, C), whoever computes them."""
        if self.now.ranking is not None:
            return serving.score_weights(self._kernels, asked, index, scalars, chosen)
        policy = self._levers.recommendation
        return serving.score_asking(policy, view(asked.step), asked, index, chosen)

    # -- what the kernels read -------------------------------------------------------------------

    def read_by(self, asked: EventBatch) -> tuple[Arrays, dict[str, np.float32 | int], int]:
        """Return arrays, numbers and candidates of serving, for requests all for feeds, or all for lists."""
        if not asked.rows or asked.kind[0] == FeedKind.FEED:
            return self.index(), self.scalars(), self.now.rings.candidates
        index = {**self.index(), **self.now.lists.rings(asked)}
        index.pop("ring_cards", None)  # those are in the order of the feed's rings
        return index, {**self.scalars(), **LISTED}, self.now.lists.size

    def index(self) -> Arrays:
        """Return the arrays of serving by the names that references and kernels share."""
        from_, now = self._sources, self.now
        items, rings = from_.items, now.rings
        return {
            "query": from_.query(),
            "topic_vectors": from_.topics[0],
            "topic_inv_norm": from_.topics[1],
            "ring_offset": rings.offset,
            "ring_hash": rings.hash,
            "ring_row": rings.row,
            "global_pool": rings.global_pool,
            "global_quota": rings.global_quota,
            "follow_offset": from_.ties.offset,  # type: ignore[attr-defined]
            "follow_hash": from_.ties.hash,  # type: ignore[attr-defined]
            "latest_row": now.wall,
            "vectors": items.vector,
            "inv_norm": items.inv_norm,
            "creator": items.creator,
            "ordinal": items.ordinal,
            "category": items.category,
            "base": now.base,
            **now.cards,
            "stage": from_.catalogue.stage,
            "seen_row": from_.history.seen_row,
            "seen_count": from_.accounts.seen_count,
            **now.restrictions,
        }

    def scalars(self) -> dict[str, np.float32 | int]:
        """Return the numbers of serving."""
        levers, rings, ranking = self._levers, self.now.rings, self.now.ranking
        hot = levers.temperature > 0
        return {
            "seed": self._draws.root_seed,
            "key_base": self._draws.replicate << 12,
            "categories_count": len(self._sources.topics[0]),
            "category_picks": rings.category_picks,
            "category_quota": rings.category_quota,
            "category_sharpness": np.float32(levers.category_sharpness),
            "followed_quota": rings.followed_quota,
            "community_quota": rings.community_quota,
            "weight_similarity": np.float32(ranking.weight_similarity if ranking else 0.0),
            "weight_followed": np.float32(ranking.weight_followed if ranking else 0.0),
            "inverse_temperature": np.float32(1.0 / levers.temperature if hot else 0.0),
            "no_repeat": self._no_repeat,
            "creator_cap": levers.creator_cap,
            "category_cap": levers.category_cap,
        }


def as_feed(asked: EventBatch) -> EventBatch:
    """Return the same requests, all of them for the feed."""
    return replace(asked, columns={**asked.columns, "kind": np.zeros_like(asked.kind)})


def some(asked: EventBatch, lanes: np.ndarray) -> EventBatch:
    """Return some requests of a batch."""
    return replace(asked, columns={name: column[lanes] for name, column in asked.columns.items()})
