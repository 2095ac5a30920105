"""Defects: pure functions of a specimen that move, take away, exchange or add atoms and record what they did."""
