//! Release and protocol of this build.

/// Revision of the API. Daemon and client refuse each other when it differs.
pub const PROTOCOL: u32 = 2;

/// Release of this build, as shown by `--version` and `GetVersion`.
pub const RELEASE: &str = env!("CARGO_PKG_VERSION");
