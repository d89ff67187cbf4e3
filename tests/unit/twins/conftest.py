"""Hand-made columns for one mechanism at a time."""

from types import SimpleNamespace

import numpy as np
import pytest

from feedtwin.kernels.binding import load
from feedtwin.randomness import Draws
from feedtwin.schema.parameters import section_model
from feedtwin.schema.settings import resolve
from feedtwin.twins.content import ContentConfig
from feedtwin.twins.user import UserConfig
from feedtwin.world.synthetic import archetypes


@pytest.fixture(scope="session")
def draws():
    return Draws(11, 0, load("numpy"))


@pytest.fixture(scope="session")
def settings():
    return resolve("synthetic", users=4000, seed=11)


@pytest.fixture(scope="session")
def user_config(settings):
    return section_model(UserConfig, settings.section("user"))


@pytest.fixture(scope="session")
def content_config(settings):
    spreads = {name: settings.section("archetypes")[name] for name in ("hook_sd", "quality_sd")}
    return section_model(ContentConfig, {**settings.section("content"), **spreads})


@pytest.fixture(scope="session")
def categories(settings):
    return archetypes(settings.section("archetypes"), fold=False)


@pytest.fixture
def viewer(user_config):
    """One user (of three: the others must stay as they are) and what a slate needs; (R, S) = (1, S)."""

    def make(slots=1, push_form="bounded", **changes):
        config = user_config.model_copy(update={"push_form": push_form})
        users, topics = 3, 6
        a = SimpleNamespace(
            user=np.array([1], np.uint32),
            interests=np.zeros((users, 50), np.int8),
            taste=np.zeros((users, 50), np.int16),
            energy=np.ones(users, np.float32),
            boredom=np.zeros(users, np.uint8),
            satisfaction=np.full(users, 0.5, np.float32),
            session_impressions=np.zeros(users, np.uint16),
            session_watch_ms=np.zeros(users, np.uint32),
            stamina_s=np.full(users, 1e9, np.float32),
            patience=np.full(users, 200, np.uint8),
            last_step=np.zeros(users, np.int32),
            trace_topic=np.full((users, topics), 0xFFFF, np.uint16),
            trace_strength=np.zeros((users, topics), np.float32),
            trace_step=np.zeros((users, topics), np.int32),
            trace_count=np.zeros((users, topics), np.uint8),
            vectors=np.zeros((4, 50), np.int8),
            category=np.arange(4, dtype=np.uint16),
            topic_vectors=np.zeros((4, 50), np.int8),
            row=np.zeros((1, slots), np.uint32),
            flags=np.zeros((1, slots), np.uint8),
            watch_ms=np.zeros((1, slots), np.uint32),
            completion=np.full((1, slots), 0.5, np.float32),
            reached_count=np.array([slots], np.uint8),
            change=np.zeros(1, np.float32),
            exit_cause=np.zeros(1, np.uint8),
            step=0,
        )
        scalars = {
            **config.learning_scalars(),
            **config.session_scalars(),
            **config.recall_scalars(),
        }
        for name, value in {**scalars, **changes}.items():
            setattr(a, name, value)
        return a

    return make
