//! The case machine in tables: what it asks for, and in which order, whatever it is answered.

mod clocks;
mod kills;
mod laws;
mod orders;
mod player;
mod retries;
mod shapes;
