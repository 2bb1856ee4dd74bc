//! Configuration, wiring, run: the arqueta binary.
