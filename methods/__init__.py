"""The registered methods, one light module each; heavy libraries are imported inside ``fit``."""
