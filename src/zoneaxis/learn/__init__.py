"""Learning: networks, their training, calibration and artefacts; it never knows where a pattern came from."""
