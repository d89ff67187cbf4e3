"""Arguments of every native kernel, field by field, as the C structures declare them.

A kernel's fields are written as text, one line per kind, in the order of its C structure::

    u4* user:R request:R        read-only arrays, first axis at least the rows of the call
    i2* query:U,50              an array of the second dimension 50
    u4* row=R,slots             an array that the kernel writes; the name `slots` binds its second dimension
    i8  seed key_base           integers
    f4  pull_above              float32 parameters
    dim slots                   the dimension that an array's shape bound; callers do not pass it

Capital letters (R rows of the call, U users, V items, ...) name leading axes whose length only has to reach:
R is checked, the others are tables that ids point into. ``?`` after a name makes an array optional.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

POINTERS = {
    "u1*": "uint8", "u2*": "uint16", "u4*": "uint32", "u8*": "uint64",
    "i1*": "int8", "i2*": "int16", "i4*": "int32", "i8*": "int64",
    "f4*": "float32", "f8*": "float64",
}  # fmt: skip
"""Kinds of array fields and the NumPy dtype each one demands."""

SCALARS = ("i8", "f8", "f4", "dim")
"""Kinds of scalar fields: a 64-bit integer, a double, a float32 (which travels as a double, unchanged), and
a dimension of the given arrays (an integer that callers do not pass)."""


class Field(NamedTuple):
    """One 8-byte field of a kernel's argument structure."""

    name: str
    kind: str
    """A key of `POINTERS` or a member of `SCALARS`."""
    written: bool = False
    """The kernel writes this array: it must be writeable and overlap no other argument."""
    shape: tuple[str, ...] = ()
    """One word per axis: a capital letter, a number, or the name of a dimension."""
    optional: bool = False
    """None is allowed, or nothing, and reaches C as a null pointer."""

    @property
    def c_kind(self) -> str:
        """Kind of the C field: a pointer, "i8" or "f8"."""
        return {"f4": "f8", "dim": "i8"}.get(self.kind, self.kind)


@dataclass(frozen=True, eq=False)
class KernelSpec:
    """One exported function ``ft_<name>`` and its structure ``ft_<name>_args``."""

    name: str
    fields: tuple[Field, ...]
    """In the order of the C structure, without its first field `part`, which the binding fills in."""
    inline_below: int = 128
    """Fewer rows than this run on the calling thread alone."""
    limits: tuple[tuple[str, int, int], ...] = ()
    """(name, least, most) of scalars and dimensions for which C has fixed room."""


_WORD = re.compile(r"(?P<name>\w+)(?P<optional>\??)(?:(?P<mark>[:=])(?P<shape>[\w,]+))?")


def parse_fields(text: str) -> tuple[Field, ...]:
    """Read the notation of this module's docstring."""
    fields = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        kind, *words = line.split()
        for word in words:
            match = _WORD.fullmatch(word)
            if match is None or kind not in (*POINTERS, *SCALARS):
                raise ValueError(f"kernel fields: cannot read {word!r} of kind {kind!r}")
            shape = tuple(match["shape"].split(",")) if match["shape"] else ()
            fields.append(
                Field(match["name"], kind, match["mark"] == "=", shape, bool(match["optional"]))
            )
    return tuple(fields)


NUMERICS = ("log32", "exp32", "logistic32", "logit32", "normal_quantile32", "gumbel32")
"""Functions of the ``numerics`` kernel, in the order of their codes."""

_PHILOX = """
    u4* c0 c1 c2 c3
    i8  s0 s1 s2 s3 k0 k1
    u4* w0?=R w1?=R w2?=R w3?=R
"""

_NUMERICS = """
    i8  function
    f4* x:R y=R
"""

_UNIFORM = """
    u4* bits:R
    f4* u=R
"""

_RINGS = """
    u4* user:R request:R
    i2* query:U,50
    i1* topic_vectors:K,50
    f4* topic_inv_norm:K
    i8* ring_offset:N
    u4* ring_hash:N ring_row:N
    i8* global_pool:globals global_quota:globals follow_offset:U
    u4* follow_hash:E latest_row:U
    i8* mute_offset?:U
    u8* mute_key?:M
    u1* minor?:U restricted?:V
    i8* own_ring?:R
    u4* own_pool?:R
"""

_SLATES = """
    u4* row=R,slots
    u8* item=R,slots
    f4* slot_score=R,slots propensity=R,slots
    u1* pool=R,slots stage_out=R,slots
    u2* meeting=R,slots
    u1* inserted=R,slots served_count=R
"""

_RETRIEVE = (
    _RINGS
    + """
    u4* creator:V
    i8  categories_count category_picks category_quota followed_quota community_quota
    f4  category_sharpness
    i8  seed key_base
    dim globals candidates
    u4* candidate=R,candidates
    u1* candidate_pool=R,candidates
"""
)

_SCORE = """
    u4* user:R candidate:R,candidates
    i2* query:U,50
    i1* vectors:V,50
    f4* inv_norm:V base:V
    u4* creator:V
    i8* follow_offset:U
    u4* follow_hash:E
    f4  weight_similarity weight_followed
    dim candidates
    f4* score=R,candidates
"""

_SELECT = (
    """
    u4* user:R request:R candidate:R,candidates
    u1* candidate_pool:R,candidates
    f4* score:R,candidates
    u4* creator:V ordinal:V
    u2* category:V
    u1* stage:V
    u4* insert_row:R,slots seen_row:U,history seen_count:U
    i8  no_repeat creator_cap category_cap
    f4  inverse_temperature
    i8  seed key_base
    dim candidates slots history
"""
    + _SLATES
)

_SERVE = (
    _RINGS
    + """
    u1* cards?:V,64 ring_cards?:N,64
    i1* vectors:V,50
    f4* inv_norm:V base:V
    u4* creator:V ordinal:V
    u2* category:V
    u1* stage:V
    u4* insert_row:R,slots seen_row:U,history seen_count:U
    i8  categories_count category_picks category_quota followed_quota community_quota
    f4  category_sharpness weight_similarity weight_followed
    i8  no_repeat creator_cap category_cap
    f4  inverse_temperature
    i8  seed key_base
    dim globals slots history
"""
    + _SLATES
)

_ENCOUNTER = """
    u4* user:R row:R,slots
    u2* meeting:R,slots
    u1* served_count:R
    i1* interests:U,50 match_vectors:V,50
    f4* match_inv_norm:V
    u4* creator:V ordinal:V
    u2* category:V
    u1* label:V
    f4* traits:K,5
    f4* duration_s:V hook_strength:V quality:V virality:V completion_prior:V
    f4* attention_span_s:U like_logit:U share_logit:U comment_logit:U follow_logit:U
    f4* energy:U satisfaction:U stamina_s:U
    u1* boredom:U patience:U
    u2* session_impressions:U
    f4  skip_intercept skip_hook hook_floor hook_centre skip_span span_floor_s span_centre
    f4  skip_match match_centre skip_noise watch_match watch_quality watch_sigma
    f4  watch_sigma_half_square loops_max engage_completion engage_match like_quality
    f4  share_virality label_like label_share swipe_s fatigue_base fatigue_slope
    f4  energy_exit bored_below pleased_above satisfaction_weight
    i8  relief impressions_max seed key_base
    dim slots
    u1* flags=R,slots
    u4* watch_ms=R,slots
    f4* completion=R,slots
    u1* reached_count=R
"""

_ENCOUNTER_FITTED = """
    u4* user:R row:R,slots
    u2* meeting:R,slots
    u1* served_count:R
    i1* interests:U,50 match_vectors:V,50
    f4* match_inv_norm:V
    u4* creator:V ordinal:V
    u1* label:V duration_bin:V
    f4* duration_s:V person:U,8 video:V,8 moment:8 centre:B,columns curves:B,columns,66
    f4* skip_curve:66 fate:4,3 energy:U satisfaction:U stamina_s:U
    u1* boredom:U patience:U
    u2* session_impressions:U
    f4  skip_match index_match engage_match label_like label_share half_way swipe_s
    f4  fatigue_base fatigue_slope energy_exit bored_below pleased_above satisfaction_weight
    i8  relief impressions_max seed key_base
    dim slots columns
    u1* flags=R,slots
    u4* watch_ms=R,slots
    f4* completion=R,slots
    u1* reached_count=R
"""

_LEARN = """
    u4* user:R row:R,slots
    u1* flags:R,slots
    u4* watch_ms:R,slots
    f4* completion:R,slots
    u1* reached_count:R
    i1* vectors:V,50
    u2* category:V
    f4* stamina_s:U
    u1* patience:U
    i1* interests=U,50
    f4* energy=U
    u1* boredom=U
    f4* satisfaction=U
    u2* session_impressions=U
    u4* session_watch_ms=U
    u2* trace_topic=U,traces
    f4* trace_strength=U,traces
    i4* trace_step=U,traces
    u1* trace_count=U,traces
    f4* change=R
    u1* exit_cause=R
    f4  pull_above
    i8  pull_rate push_rate literal_push interest_min step spacing_steps
    f4  trace_tau_steps spacing_effect gain_finish gain_like gain_comment gain_share
    f4  strength_max swipe_s fatigue_base fatigue_slope energy_exit bored_below
    f4  pleased_above satisfaction_weight
    i8  relief impressions_max
    dim slots traces
"""

_RECALL = """
    u4* user:R
    i4* last_step:U
    i1* topic_vectors:K,50
    u2* trace_topic:U,traces
    f4* trace_strength:U,traces
    i4* trace_step:U,traces
    u1* trace_count:U,traces
    i1* interests=U,50
    i2* taste=U,50
    i8  step steps_per_day
    f4  consolidation_rate interest_tau_steps trace_tau_steps spacing_effect
    dim traces
"""

_ESTIMATE = """
    u4* user:R row:R,slots
    u1* flags:R,slots
    f4* completion:R,slots
    u1* reached_count:R
    i1* vectors:V,50
    i2* mean_vector:50
    i2* estimate=U,50
    u4* seen_row=U,history seen_count=U
    f4  signal_completion signal_centre signal_like signal_skip
    i8  estimate_rate
    dim slots history
"""

_COUNT = """
    u4* row:R,slots
    u1* flags:R,slots
    u4* watch_ms:R,slots
    u1* reached_count:R
    u4* impressions=V skips=V likes=V shares=V comments=V completions=V
    u8* item_watch_ms=V
    i4* touched_step=V
    i8  step
    dim slots
"""

_TALLY = """
    u4* row:R,slots
    u1* flags:R,slots
    u4* watch_ms:R,slots
    u1* reached_count:R
    f4* duration_s:V
    u4* tally=R,8
    dim slots
"""

_AUCTION = """
    u4* user:R request:R ring:ads ring_place:ads advertiser:ads creative:ads
    u2* category:ads
    u8* price:ads
    i2* estimate:U,50
    i1* topic_vectors:K,50
    f4  ad_relevance
    i8  candidates seed key_base
    dim ads places
    i8* winner=R,places
"""

_LUCKY = """
    u1* able:R,slots
    u4* user:R
    u8* item:R,slots
    u2* meeting:R,slots
    i8* limit:4
    i8  block seed key_base
    dim slots
    u1* lucky=R,slots
"""

_EMBED = """
    u8* key:R
    i1* about:R,50
    f4* share:R rest:R
    f8* unit:R
    i4* projection:length,64 across:50,length
    f8  entry_unit
    i8  kind seed
    dim length
    f8* product=R,50 square=R
"""

_RING_LIMITS = (
    ("categories_count", 0, 4096),
    ("category_picks", 0, 64),
    ("category_quota", 0, 1024),
    ("followed_quota", 0, 1024),
    ("community_quota", 0, 1024),
    ("globals", 0, 64),
)
_TABLE_LIMITS = (("slots", 0, 128), ("columns", 2, 128))
_SLATE_LIMITS = (("slots", 0, 128), ("history", 1, 65535))

KERNELS: dict[str, KernelSpec] = {
    spec.name: spec
    for spec in (
        KernelSpec("philox", parse_fields(_PHILOX), 65536),
        KernelSpec("numerics", parse_fields(_NUMERICS), 65536),
        KernelSpec("uniform", parse_fields(_UNIFORM), 65536),
        KernelSpec(
            "retrieve", parse_fields(_RETRIEVE), limits=(*_RING_LIMITS, ("candidates", 0, 1024))
        ),
        KernelSpec("score", parse_fields(_SCORE), limits=(("candidates", 0, 1024),)),
        KernelSpec(
            "select", parse_fields(_SELECT), limits=(*_SLATE_LIMITS, ("candidates", 0, 1024))
        ),
        KernelSpec("serve", parse_fields(_SERVE), limits=(*_RING_LIMITS, *_SLATE_LIMITS)),
        KernelSpec("encounter", parse_fields(_ENCOUNTER), limits=(("slots", 0, 128),)),
        KernelSpec("encounter_fitted", parse_fields(_ENCOUNTER_FITTED), limits=_TABLE_LIMITS),
        KernelSpec("learn", parse_fields(_LEARN), limits=(("slots", 0, 255), ("traces", 1, 16))),
        KernelSpec("recall", parse_fields(_RECALL), limits=(("traces", 0, 16),)),
        KernelSpec(
            "estimate", parse_fields(_ESTIMATE), limits=(("slots", 0, 255), ("history", 1, 65535))
        ),
        KernelSpec("count", parse_fields(_COUNT), limits=(("slots", 0, 255),)),
        KernelSpec("tally", parse_fields(_TALLY), limits=(("slots", 0, 255),)),
        KernelSpec(
            "auction",
            parse_fields(_AUCTION),
            limits=(("candidates", 1, 256), ("ads", 1, 2**31), ("places", 0, 128)),
        ),
        KernelSpec("lucky", parse_fields(_LUCKY), 512, limits=(("slots", 1, 255),)),
        KernelSpec("embed", parse_fields(_EMBED), 16, limits=(("length", 16, 1024),)),
    )
}
"""Every kernel by name. A library that lacks one, or disagrees on its size, is not loaded."""
