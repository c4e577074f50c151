//! Gates, as lines.

use super::{table, time};
use crate::text::escape;
use claviger::proto::v1::Gate;
use std::time::SystemTime;

/// The gates, one per line.
pub(crate) fn list(gates: &[Gate], now: SystemTime) -> String {
    if gates.is_empty() {
        return "no gate is open\n".into();
    }
    let titles =
        ["NAME", "FOR", "SENT", "AGAIN", "REFUSED", "TOKENS", "NOW", "STATUS", "LAST", "WITH", "ADDRESS"];
    let rows = gates.iter().map(|gate| row(gate, now)).collect();
    table::titled(titles, rows).into_iter().map(|line| line + "\n").collect()
}

fn row(gate: &Gate, now: SystemTime) -> [String; 11] {
    let used = gate.r#use.unwrap_or_default();
    let number = |count: u64| if count > 0 { count.to_string() } else { String::new() };
    let what = match gate.share.as_str() {
        "" if gate.standing => "standing".into(),
        "" => escape::line(&gate.directory),
        share => format!("share {}", escape::line(share)),
    };
    [
        escape::line(&gate.name),
        what,
        used.requests.to_string(),
        number(used.replayed),
        number(used.refused),
        match (used.input_tokens, used.output_tokens) {
            (0, 0) => String::new(),
            (input, output) => format!("{input}+{output}"),
        },
        number(used.in_progress.into()),
        number(used.last_status.into()),
        used.last_request_at.as_ref().map(|at| time::relative(at, now)).unwrap_or_default(),
        if gate.pid > 0 { format!("pid {}", gate.pid) } else { String::new() },
        escape::line(&gate.address),
    ]
}

#[cfg(test)]
mod tests {
    use super::list;
    use claviger::proto::v1::{Gate, GateUse};
    use std::time::SystemTime;

    #[test]
    fn a_gate_says_whose_it_is_and_what_went_through() {
        let used = GateUse {
            requests: 7,
            refused: 1,
            last_status: 200,
            input_tokens: 9,
            output_tokens: 3,
            ..GateUse::default()
        };
        let gate = Gate {
            name: "1a2b".into(),
            address: "/run/gate/1a2b.sock".into(),
            pid: 42,
            directory: "/work".into(),
            r#use: Some(used),
            ..Gate::default()
        };
        let expected = "NAME  FOR    SENT  REFUSED  TOKENS  STATUS  WITH    ADDRESS\n\
            1a2b  /work  7     1        9+3     200     pid 42  /run/gate/1a2b.sock\n";
        assert_eq!(list(std::slice::from_ref(&gate), SystemTime::UNIX_EPOCH), expected);
        let shared = Gate { share: "box".into(), ..gate };
        assert!(list(&[shared], SystemTime::UNIX_EPOCH).contains("share box"));
        assert_eq!(list(&[], SystemTime::UNIX_EPOCH), "no gate is open\n");
    }
}
