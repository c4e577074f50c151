//! Safe wrappers of C functions that no well-kept crate wraps: the only unsafe code of the workspace.
//!
//! Each function calls one C function, and each call has a SAFETY comment. Decisions belong to the callers.

#[cfg(target_os = "macos")]
mod mac;

#[cfg(target_os = "macos")]
pub use mac::{activate_socket, deny_debuggers, program};

/// Returns free memory to the system. The allocator keeps it otherwise, as long as something lies behind it. Does
/// nothing without glibc.
pub fn give_back_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim(3) only touches memory that the allocator itself knows to be free, under its own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}
