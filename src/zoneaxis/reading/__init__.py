"""Reading floor: a pattern in, an answer with its certainty and its reason out."""
