"""Study: LACBED discs from projected densities of cubic crystals and back, by networks and by the engine itself."""
