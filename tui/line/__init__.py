"""The line to the terminal: what stands on the screen at its other end, what is sent of a change, how quick it is."""
