"""Method families that wrap what a user already has: programs, services, estimators, encoders."""
