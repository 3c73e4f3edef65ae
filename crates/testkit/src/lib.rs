//! For tests only: turns at the throw-away services, the real program as a process, applications to send it.
//!
//! Never part of the product: nothing here is linked into `dunkelwerk`. Start with [`services`] and [`Program`].

pub mod applications;
mod program;
pub mod services;

pub use program::{Program, Running};
pub use services::Services;
