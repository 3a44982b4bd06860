//! `paydrill explain FILE`.
