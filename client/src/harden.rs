//! Keeps other processes of the user away from this one's memory.

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// The core limit this process was started with. Commands that `claviger exec` runs get it back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CoreLimit(Option<(rlim_t, rlim_t)>);

/// Forbids core dumps and tracing. If the kernel refuses, the client continues: it is then as well protected as any
/// other program the user runs.
pub(crate) fn harden() -> CoreLimit {
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_dumpable(false);
    #[cfg(target_os = "macos")]
    let _ = claviger_system::deny_debuggers();
    let original = getrlimit(Resource::RLIMIT_CORE).ok();
    if let Some((_, hard)) = original {
        let _ = setrlimit(Resource::RLIMIT_CORE, 0, hard);
    }
    CoreLimit(original)
}

impl CoreLimit {
    /// Restores the limit for a program that replaces this one.
    pub(crate) fn restore(self) {
        if let Some((soft, hard)) = self.0 {
            let _ = setrlimit(Resource::RLIMIT_CORE, soft, hard);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Resource, getrlimit, harden};

    #[test]
    fn no_core_is_written_until_another_program_takes_over() {
        let before = getrlimit(Resource::RLIMIT_CORE).expect("a limit");
        let limit = harden();
        assert_eq!(getrlimit(Resource::RLIMIT_CORE), Ok((0, before.1)));
        #[cfg(target_os = "linux")]
        assert_eq!(nix::sys::prctl::get_dumpable(), Ok(false));
        limit.restore();
        assert_eq!(getrlimit(Resource::RLIMIT_CORE), Ok(before));
    }
}
