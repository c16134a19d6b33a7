"""`make chaos`: random faults at twenty imports, then the invariants, from outside. See ``__main__``."""
