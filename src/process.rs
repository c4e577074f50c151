//! Facts that the kernel reports about a process. Pure: the caller passes the text.

/// Fields of `/proc/PID/stat`, proc(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Whether it has ended but is not reaped yet.
    pub has_ended: bool,
    /// Its parent process.
    pub parent: u32,
    /// The kernel's session.
    pub session: u32,
    /// Whether it has a terminal.
    pub has_terminal: bool,
    /// Start time in ticks since boot. It distinguishes processes with the same id: ids are reused.
    pub started: u64,
}

impl Stat {
    /// The fields in the kernel's line; `None` if the line is not valid.
    pub fn parse(text: &str) -> Option<Self> {
        // The name before them, in parentheses, may contain anything.
        let fields: Vec<&str> = text.rsplit(')').next()?.split_whitespace().collect();
        Some(Self {
            has_ended: matches!(*fields.first()?, "Z" | "X"), // the 3rd
            parent: fields.get(1)?.parse().ok()?,             // the 4th
            session: fields.get(3)?.parse().ok()?,            // the 6th
            has_terminal: *fields.get(4)? != "0",             // the 7th
            started: fields.get(19)?.parse().ok()?,           // the 22nd
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Stat;

    #[test]
    fn a_name_with_parentheses_is_a_name() {
        let fields: Vec<String> = (4..=22).map(|field| field.to_string()).collect();
        let stat = Stat::parse(&format!("7 (a) S 1 (b) S {}", fields.join(" "))).expect("fields");
        assert_eq!((stat.parent, stat.session, stat.has_terminal, stat.started), (4, 6, true, 22));
        assert!(Stat::parse("7 (a) S 1").is_none());
    }

    #[test]
    fn the_kernels_line_is_read() {
        let stat = "12 (a) (b c) S 34 12 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 56789 1 1";
        let stat = Stat::parse(stat).expect("fields");
        assert_eq!((stat.parent, stat.started, stat.has_ended), (34, 56789, false));
        assert!(!stat.has_terminal);
        assert_eq!(Stat::parse("12 (a) S 34"), None);
    }
}
