"""Study: space groups from selected-area patterns of perfect and defective crystals, by networks and by lattices."""
