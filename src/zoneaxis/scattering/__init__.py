"""How fast electrons scatter in a crystal: form factors, structure factors, Bloch waves, depth of back-scattering."""
