//! The contracts `twofactor:provider` and `twofactor:factor`, one module for each version that this host supports.

pub(crate) mod factor_v0_1;
pub(crate) mod v0_2;
mod version;

pub(crate) use version::{Contract, Package, is_interface, package};
