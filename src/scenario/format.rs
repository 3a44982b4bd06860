//! `paydrill fmt`.
