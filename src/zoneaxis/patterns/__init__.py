"""Sets of diffraction patterns: their schema, storage, reading, splitting, preprocessing and parallel generation."""
