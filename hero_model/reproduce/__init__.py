"""The paper's Tables 1 to 3, trained anew: a procedural world to train on, the rows, their runs, the tables."""
