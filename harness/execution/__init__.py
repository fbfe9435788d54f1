"""Running cells: plan, budget, tuning, worker processes, progress."""
