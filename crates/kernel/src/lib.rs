//! Tine's supervisor.
