"""Doors of older systems, with their names and shapes. Thin: each calls what stands behind /api/v1/."""
