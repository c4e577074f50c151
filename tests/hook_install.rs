//! `claviger hook`.
mod support;
