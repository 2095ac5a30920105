"""The evidence behind an answer: prediction sets with a stated coverage, and where a network looked."""
