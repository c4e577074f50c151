//! What the programs say to each other: the last daemon to the next, the daemon to its children, and they to it.

use crate::{CANARY, check_message};
use claviger_child::{
    Call, Declined, ProbeResult, Provided,
    account::{Event, Pasted, SignedIn, SignedOut, Storage},
};
use clavigerd::{broker::kept::Kept, inherited};
use serde::{Serialize, de::DeserializeOwned};

/// A message.
pub fn messages(input: &[u8]) {
    handed_over(input);
    if let Some(call) = stable::<Call>(input) {
        assert_eq!(call.line().expose().matches('\n').count(), 1, "a call is one line");
        let shown = format!("{call:?}");
        let secrets = ["AwsCheck", "secret: Text"];
        assert!(!secrets.iter().any(|name| shown.contains(&format!("{name}({CANARY}"))));
    }
    stable::<Result<Provided, Declined>>(input);
    stable::<Result<SignedIn, Declined>>(input);
    stable::<Result<SignedOut, Declined>>(input);
    stable::<Result<Storage, Declined>>(input);
    stable::<ProbeResult>(input);
    stable::<Event>(input);
    stable::<Pasted>(input);
}

/// What the last daemon left: read, it is written as what is read the same again.
fn handed_over(input: &[u8]) {
    match Kept::read(input) {
        Ok(kept) => {
            let written = kept.write().expect("written");
            let again = Kept::read(&written).expect("read again");
            assert_eq!(*written, *again.write().expect("written again"));
            assert_eq!((kept.len(), kept.is_empty()), (again.len(), again.is_empty()));
        }
        Err(what) => check_message(&what),
    }
    match inherited::parse(input) {
        Ok(legacy) => drop(legacy.kept.write().expect("written")),
        Err(what) => check_message(&what),
    }
}

/// A message that is understood means the same when it is written again.
fn stable<T: Serialize + DeserializeOwned>(input: &[u8]) -> Option<T> {
    let read: T = serde_json::from_slice(input).ok()?;
    let written = serde_json::to_string(&read).expect("what was read can be written");
    let again: T = serde_json::from_str(&written).expect("what was written can be read");
    assert_eq!(written, serde_json::to_string(&again).expect("written again"));
    Some(read)
}
