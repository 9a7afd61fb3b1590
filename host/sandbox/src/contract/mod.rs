//! The contract `twofactor:provider`, one module for each version that this host supports.

pub(crate) mod v0_1;
mod version;

pub(crate) use version::{Contract, is_interface};
