"""Settings of the Content twin; see `parameters/content.yaml` and `parameters/archetypes.yaml`."""

from pydantic import BaseModel, ConfigDict


class ContentConfig(BaseModel):
    """How videos are made and described."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    expertise_weight: float
    creator_quality_sd: float
    elite_quality: float
    hook_sd: float
    quality_sd: float
    duration_min_s: float
    duration_max_s: float
    hashtags_per_category: int
    hashtag_zipf: float
    sounds: int
    keyword_weight: float
    noise_max: float
    category_code: str
    toxicity_tail: float
    embedding_signal: float
    caption_teaser: float
    trend_adoption: float
    remix_inherit: float
