//! `twofactor provider`: what an operator does with the components that serve.

mod add;

pub use add::{Addition, add, list, remove, roll_back};
