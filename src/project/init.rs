//! What `paydrill init` writes.
