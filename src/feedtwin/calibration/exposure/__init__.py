"""What uniform random exposure would do, from a log in which a recommender chose who met what."""
