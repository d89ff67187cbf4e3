"""The benchmark of everything on takes both worlds through the same number of steps."""


def test_both_worlds_take_their_steps_in_turn_and_the_ratio_is_of_pairs():
    import everything

    found = everything.measure(users=60, steps=3, threads=1, seed=4)
    assert set(found["encounters_per_s"]) == {"synthetic", "everything"}
    assert all(count > 0 for count in found["encounters"].values())
    assert 0 < found["ratio_low"] <= found["ratio_median"] <= found["ratio_high"]
    phases = found["ns_per_encounter"]
    assert set(phases["synthetic"]) == set(phases["everything"])
