//! The contract `twofactor:provider`, one module for each version that this host supports.

pub(crate) mod v0_2;
mod version;

pub(crate) use version::{Contract, is_interface};
