"""Running cells on a Ray cluster."""
