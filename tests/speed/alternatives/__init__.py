"""What researchers would otherwise take or write: the peers that the harness is measured beside, in the same run."""
