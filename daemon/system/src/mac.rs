//! Functions of macOS.

use std::{
    ffi::{CStr, OsStr, c_char, c_int, c_void},
    io,
    os::{
        fd::{FromRawFd as _, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::PathBuf,
    ptr, slice,
};

/// Longest path that `proc_pidpath` writes, in bytes.
const LONGEST_PATH: usize = libc::PROC_PIDPATHINFO_MAXSIZE as usize;

unsafe extern "C" {
    // <launch.h>, part of libSystem since OS X 10.10.
    fn launch_activate_socket(name: *const c_char, fds: *mut *mut c_int, count: *mut usize) -> c_int;
}

/// The sockets that launchd listens on under `name` in our property list; they are ours from now on. `None` if launchd
/// did not start us, or the property list has no such name.
///
/// # Errors
/// The kernel's error, such as `EALREADY` if they were taken before.
pub fn activate_socket(name: &CStr) -> io::Result<Vec<OwnedFd>> {
    let (mut fds, mut count) = (ptr::null_mut(), 0);
    // SAFETY: `name` ends with NUL; both results are written to places of our own, which outlive the call.
    match unsafe { launch_activate_socket(name.as_ptr(), &raw mut fds, &raw mut count) } {
        0 if fds.is_null() => Ok(Vec::new()),
        0 => {
            // SAFETY: after success, `fds` points to `count` numbers that are ours until `free`; it is not null.
            let numbers = unsafe { slice::from_raw_parts(fds, count) };
            // SAFETY: launchd created these descriptors for this process, and returns them once.
            let owned = numbers.iter().map(|fd| unsafe { OwnedFd::from_raw_fd(*fd) }).collect();
            // SAFETY: it was allocated with `malloc`, as documented, and nothing refers to it any more.
            unsafe { libc::free(fds.cast::<c_void>()) };
            Ok(owned)
        }
        libc::ESRCH | libc::ENOENT => Ok(Vec::new()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

/// The program of process `pid`; `None` if it has ended, or must not be inspected.
pub fn program(pid: i32) -> Option<PathBuf> {
    let mut path = [0_u8; LONGEST_PATH];
    // SAFETY: the buffer is ours, and has the length that we pass.
    let length = unsafe { libc::proc_pidpath(pid, path.as_mut_ptr().cast::<c_void>(), path.len() as u32) };
    let length = usize::try_from(length).ok().filter(|length| *length > 0)?;
    Some(OsStr::from_bytes(path.get(..length)?).into())
}

/// Prevents debuggers from attaching to this process. An attached one ends it.
///
/// # Errors
/// If the kernel refuses.
pub fn deny_debuggers() -> io::Result<()> {
    // SAFETY: for this request the kernel reads no other argument.
    match unsafe { libc::ptrace(libc::PT_DENY_ATTACH, 0, ptr::null_mut(), 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
