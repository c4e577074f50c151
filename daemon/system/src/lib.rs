//! Safe wrappers of C functions that no well-kept crate wraps: the only unsafe code of the workspace.
//!
//! Each function calls one C function, and each call says why it is sound. Decisions belong to the callers.

#[cfg(target_os = "macos")]
mod mac;

#[cfg(target_os = "macos")]
pub use mac::{activate_socket, deny_debuggers, program};

/// Gives free memory back to the system. The allocator keeps it otherwise, for as long as something lies behind it. Does nothing
/// where that is not glibc's.
pub fn give_back_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim(3) touches what the allocator itself knows to be free, under its own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}
