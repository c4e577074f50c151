use super::{
    Lend, REFRESHING, SECOND, Showing, Standing, UNANSWERED, because, lent, marked, showing, standing,
};
use crate::store::{Client, Record, Refresh, VERSION};
use claviger::secret::Secret;
use claviger_child::{
    Text,
    account::{self, Kind, Storage},
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const HOUR: u64 = 3600;
/// Issue time of the token in these tests, in seconds.
const ISSUED: u64 = 1000 * HOUR;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn record(kind: Kind, expires_in: Option<u64>) -> Record {
    Record {
        version: VERSION,
        login: "l".into(),
        generation: 7,
        kind,
        secret: Some(Text(Secret::new("canary".into()))),
        issued_at_ms: ISSUED * 1000,
        expires_at_ms: expires_in.map(|seconds| (ISSUED + seconds) * 1000),
        refresh: None,
        quarantine: None,
    }
}

#[test]
fn a_token_stands_as_the_clock_says_and_no_longer() {
    use Standing::{Due, Fresh, Over};
    for (kind, expires_in, now, expected) in [
        (Kind::Oauth, Some(HOUR), ISSUED, Fresh),
        (Kind::Oauth, Some(HOUR), ISSUED + 3299, Fresh),
        (Kind::Oauth, Some(HOUR), ISSUED + 3300, Due), // five minutes ahead
        (Kind::Oauth, Some(HOUR), ISSUED + 3599, Due),
        (Kind::Oauth, Some(HOUR), ISSUED + 3600, Over),
        (Kind::Oauth, Some(5), ISSUED + 3, Fresh),
        (Kind::Oauth, Some(5), ISSUED + 4, Due),
        // The clock was set forward four hours, rightly or not.
        (Kind::Oauth, Some(HOUR), ISSUED + 4 * HOUR, Over),
        // It was set back: the token may have ended long ago.
        (Kind::Oauth, Some(HOUR), ISSUED - 4 * HOUR, Over),
        (Kind::Oauth, Some(HOUR), ISSUED - 6, Over),
        (Kind::Oauth, Some(HOUR), ISSUED - 5, Fresh),
        (Kind::Oauth, None, ISSUED - 4 * HOUR, Over),
        (Kind::Oauth, None, ISSUED + 999 * HOUR, Fresh),
        // A secret without expiry is valid at any time.
        (Kind::ApiKey, None, ISSUED - 4 * HOUR, Fresh),
        (Kind::ApiKey, None, ISSUED + 999 * HOUR, Fresh),
        (Kind::Token, Some(HOUR), ISSUED + 3599, Fresh),
        (Kind::Token, Some(HOUR), ISSUED + 3600, Over),
    ] {
        let stands = standing(&record(kind, expires_in), at(now));
        assert_eq!(stands, expected, "{kind:?} for {expires_in:?} s, {} s on", now as i64 - ISSUED as i64);
    }
}

#[test]
fn who_holds_a_token_gets_another_or_none() {
    let lends = |kind, held, wanted, now| lent(&record(kind, Some(HOUR)), held, wanted, at(now)).is_some();
    for (held, wanted, now, expected) in [
        (None, Standing::Fresh, ISSUED, true),
        (Some(6), Standing::Fresh, ISSUED, true),
        (Some(7), Standing::Fresh, ISSUED, false),
        // A restored backup: older than the held secret, and judged by its dates.
        (Some(8), Standing::Fresh, ISSUED, true),
        (None, Standing::Fresh, ISSUED + 3300, false),
        (None, Standing::Due, ISSUED + 3300, true),
        (Some(7), Standing::Due, ISSUED + 3300, false),
        (None, Standing::Due, ISSUED + 3600, false),
    ] {
        assert_eq!(lends(Kind::Oauth, held, wanted, now), expected, "{held:?}, {wanted:?}, {now}");
    }
    assert!(lends(Kind::ApiKey, Some(7), Standing::Fresh, ISSUED));
}

#[test]
fn the_mark_of_an_earlier_refresh_says_why() {
    assert!(because("refreshing").contains("interrupted"));
    assert!(because(UNANSWERED).contains("never answered"));
    assert_eq!(because(""), "");
    // Of the record with generation 7.
    for (text, expected) in
        [("unanswered:7", "unanswered"), ("unanswered:6", ""), ("unanswered", ""), ("", "")]
    {
        assert_eq!(marked(text, &record(Kind::Oauth, None)), expected, "{text}");
    }
}

#[test]
fn a_token_that_may_be_spent_waits_for_the_end_of_the_access_token() {
    let client = Client {
        client_id: "c".into(),
        token_endpoint: "https://x/token".into(),
        revocation_endpoint: None,
        secret_in_body: false,
    };
    let refresh =
        |is_lasting| Refresh { token: Text(Secret::new("r".into())), client: client.clone(), is_lasting };
    let request = |held, rejected| Lend {
        record: account::Record { account: "a".into(), directory: "/".into(), seal: None },
        login: "l".into(),
        held,
        rejected,
        kept: Storage::File,
        client_secret: None,
    };
    let (is_good, is_over) = (ISSUED + 3500, ISSUED + 3600);
    for (mark, held, rejected, now, expected) in [
        ("", Some(7), false, is_good, Some(Showing::First)),
        (UNANSWERED, Some(7), false, is_good, None),
        (REFRESHING, Some(7), false, is_good, None),
        (UNANSWERED, None, false, is_good, None),
        // A secret that the API rejects is invalid; a rejection of an older one implies nothing.
        (UNANSWERED, Some(7), true, is_good, Some(Showing::Second)),
        (UNANSWERED, Some(6), true, is_good, None),
        (UNANSWERED, Some(7), false, is_over, Some(Showing::Second)),
        (REFRESHING, None, false, is_over, Some(Showing::Second)),
        (SECOND, Some(7), false, is_good, Some(Showing::Third)),
        (SECOND, None, false, is_over, Some(Showing::Third)),
    ] {
        let request = request(held, rejected);
        let shown = |expires_in, is_lasting| {
            showing(&request, &record(Kind::Oauth, expires_in), &refresh(is_lasting), mark, at(now)).ok()
        };
        assert_eq!(shown(Some(HOUR), false), expected, "{mark}, {held:?}, {rejected}, {now}");
        // Without an expiry, an hour is assumed.
        assert_eq!(shown(None, false), expected, "{mark}, {held:?}, {rejected}, {now}");
        assert_eq!(shown(Some(HOUR), true), Some(Showing::First), "the server does not spend it");
    }
}
