"""The HTTP contract for integrators. It translates; it never decides."""
