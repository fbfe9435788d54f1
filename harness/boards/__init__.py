"""The leaderboard: what the records of a results folder say about each method."""
