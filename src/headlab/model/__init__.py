"""The readable definition of the model: weights, forward pass, losses. NumPy, one leading run axis or none."""
