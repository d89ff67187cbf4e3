"""The NumPy reference of every hot kernel, by name."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from feedtwin.twins.content.counting import count_reference
from feedtwin.twins.content.embeddings import embed_reference
from feedtwin.twins.interaction.encounter import encounter_reference
from feedtwin.twins.interaction.fitted import fitted_reference
from feedtwin.twins.platform.feed.estimates import estimate_reference
from feedtwin.twins.platform.feed.ranking import score_reference, select_reference
from feedtwin.twins.platform.feed.retrieval import retrieve_reference
from feedtwin.twins.platform.money.ads import auction_reference
from feedtwin.twins.platform.tally import tally_reference
from feedtwin.twins.user.acts.reacting import lucky_reference
from feedtwin.twins.user.preferences import learn_reference, recall_reference


def serve_reference(a: SimpleNamespace, lo: int, hi: int) -> None:
    """Retrieve, score and select, as the fused kernel does without writing candidates down."""
    columns = a.category_picks * a.category_quota + int(a.global_quota.sum()) + a.followed_quota
    columns += a.community_quota
    shape = (len(a.user), columns)
    whole = SimpleNamespace(
        **vars(a),
        candidate=np.empty(shape, np.uint32),
        candidate_pool=np.empty(shape, np.uint8),
        score=np.empty(shape, np.float32),
    )
    retrieve_reference(whole, lo, hi)
    score_reference(whole, lo, hi)
    select_reference(whole, lo, hi)


REFERENCES: dict[str, Callable[[SimpleNamespace, int, int], None]] = {
    "retrieve": retrieve_reference,
    "score": score_reference,
    "select": select_reference,
    "serve": serve_reference,
    "encounter": encounter_reference,
    "encounter_fitted": fitted_reference,
    "learn": learn_reference,
    "recall": recall_reference,
    "estimate": estimate_reference,
    "count": count_reference,
    "tally": tally_reference,
    "auction": auction_reference,
    "lucky": lucky_reference,
    "embed": embed_reference,
}
