use super::{Cause, Decision, State, Verdict};
use crate::{broker::validity::Validity, demand::Demand};
use claviger::reason::{Problem, Reason};
use std::time::{Duration, SystemTime};

fn at(seconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(1_000_000 + seconds).expect("positive"))
}

/// Fetched at 0, expires at 300, due at 240.
fn fetched() -> State {
    let mut state = State::default();
    state.succeed(at(0), at(0), Some(at(300)), Duration::from_secs(1), Cause::Initial, 0.0);
    state
}

fn problem() -> Problem {
    Problem::new(Reason::CommandFailed, "x")
}

#[test]
fn requests_over_the_life_of_a_credential() {
    for (now, expected) in [
        (0, Decision::Serve),
        (239, Decision::Serve),
        (240, Decision::ServeAndPrefetch),
        (270, Decision::ServeAndPrefetch),
        (271, Decision::Join), // less than a tenth of its life is left
        (300, Decision::Join),
        (100_000, Decision::Join),
        (-14_400, Decision::Join), // the clock was set back four hours
    ] {
        assert_eq!(fetched().decide(at(now), Duration::ZERO, Demand::Session), expected, "at {now}");
    }
    assert_eq!(State::default().decide(at(0), Duration::ZERO, Demand::Session), Decision::Join);
}

#[test]
fn a_failing_refresh_leaves_the_credential_until_expiry_and_not_a_second_longer() {
    let mut state = fetched();
    state.fail((at(240), Duration::ZERO), problem(), false, 0.0);
    assert_eq!(state.decide(at(241), Duration::ZERO, Demand::Session), Decision::Serve);
    assert!(state.is_stale());
    state.fail((at(299), Duration::ZERO), problem(), false, 0.0);
    let retry_at = state.failure.as_ref().expect("failed").retry_at;
    assert!(retry_at <= at(300), "a last attempt before expiry");
    state.fail((at(301), Duration::ZERO), problem(), false, 0.0);
    assert_eq!(state.decide(at(302), Duration::ZERO, Demand::Session), Decision::Reject);
    let retry_at = state.failure.as_ref().expect("failed").retry_at;
    assert_eq!(state.decide(retry_at, Duration::ZERO, Demand::Session), Decision::Join);
}

#[test]
fn an_attempt_that_began_before_the_expiry_and_ended_after_it_has_another_soon() {
    let late = |took| {
        let mut state = fetched();
        (0..5).for_each(|number| state.fail((at(240 + number), Duration::ZERO), problem(), false, 0.0));
        state.fail((at(301), took), problem(), false, 0.0);
        state.failure.expect("failed").retry_at
    };
    assert_eq!(late(Duration::from_secs(2)), at(301) + Duration::from_millis(500));
    assert_eq!(late(Duration::from_secs(1)), late(Duration::ZERO), "it began at the expiry");
    assert!(late(Duration::ZERO) > at(400));
}

#[test]
fn a_session_that_waits_is_lent_a_tenth_of_a_life_or_a_minute_at_least() {
    for (life, last, first) in [(61, 54, 55), (30, 27, 28), (5, 4, 5), (3600, 3540, 3541)] {
        let mut state = State::default();
        state.succeed(at(0), at(0), Some(at(life)), Duration::ZERO, Cause::Initial, 0.0);
        let decide = |state: &State, now, demand| state.decide(at(now), Duration::ZERO, demand);
        for demand in [Demand::Session, Demand::Person] {
            assert_ne!(decide(&state, last, demand), Decision::Join, "{life} s, at {last}");
            assert_eq!(decide(&state, first, demand), Decision::Join, "{life} s, at {first}");
        }
        if first < life {
            assert_ne!(decide(&state, first, Demand::Background), Decision::Join, "a stream looks on");
            state.fail((at(first), Duration::ZERO), problem(), false, 0.0);
            assert_eq!(decide(&state, first, Demand::Session), Decision::Serve, "no refresh can be had");
        }
    }
}

#[test]
fn a_source_that_brings_the_same_again_is_not_asked_for_each_request() {
    let (mut state, mut runs) = (State::default(), 0);
    // It was issued long ago, and is valid until 300: asked twenty times a second from 240 on.
    for step in 0..60 * 20 {
        let now = at(240) + Duration::from_millis(50) * step;
        if state.decide(now, Duration::ZERO, Demand::Session) == Decision::Join {
            state.succeed(now, at(-3300), Some(at(300)), Duration::ZERO, Cause::Due, 0.0);
            runs += 1;
        }
    }
    assert!((2..=5).contains(&runs), "{runs}");
}

#[test]
fn a_session_waits_for_half_of_what_is_left_and_for_as_long_as_it_takes_if_nothing_can_be_lent() {
    assert_eq!(fetched().patience(at(280)), Some(Duration::from_secs(10)));
    assert_eq!((fetched().patience(at(300)), State::default().patience(at(0))), (None, None));
    let (mut rejected, mut outdated) = (fetched(), fetched());
    rejected.reject(at(280), false);
    outdated.outdate();
    assert_eq!((rejected.patience(at(280)), outdated.patience(at(280))), (None, None));
}

#[test]
fn a_wish_for_validity_refreshes_but_never_in_a_loop() {
    let state = fetched();
    assert_eq!(state.decide(at(100), Duration::from_secs(200), Demand::Session), Decision::Serve);
    assert_eq!(state.decide(at(101), Duration::from_secs(200), Demand::Session), Decision::Join);
    assert_eq!(state.decide(at(1), Duration::from_secs(86_400), Demand::Session), Decision::Serve);
    let mut failed = fetched();
    failed.fail((at(100), Duration::ZERO), problem(), false, 0.0);
    assert_eq!(failed.decide(at(101), Duration::from_secs(250), Demand::Session), Decision::Serve);
}

#[test]
fn what_a_tool_caches_outlives_its_cache_if_it_can() {
    let decide = |lifetime: u64, now: i64, cached: u64| {
        let mut state = State::default();
        let expiry = at(0) + Duration::from_secs(lifetime);
        state.succeed(at(0), at(0), Some(expiry), Duration::ZERO, Cause::Initial, 0.0);
        state.decide(at(now), Validity::Outliving(Duration::from_secs(cached)), Demand::Session)
    };
    for (lifetime, now, cached, expected) in [
        (3600, 0, 300, Decision::Serve),
        (3600, 2999, 300, Decision::Serve),
        (3600, 3001, 300, Decision::Join),
        (900, 449, 300, Decision::Serve), // half of its life, so that it is asked for twice as often at most
        (900, 451, 300, Decision::Join),
        (300, 1, 300, Decision::Serve), // no refresh would bring one that lives longer
        (300, 239, 300, Decision::Serve),
        (300, 241, 300, Decision::Join), // it is due anyway
        (60, 30, 300, Decision::Serve),
    ] {
        assert_eq!(decide(lifetime, now, cached), expected, "{lifetime} s, at {now}, cached for {cached}");
    }
}

#[test]
fn a_rejection_refreshes_once_and_only_the_generation_it_names() {
    let mut state = fetched();
    assert_eq!(state.judge(at(10), 1, false), Verdict::Refresh);
    state.reject(at(10), false);
    assert_eq!(state.decide(at(10), Duration::ZERO, Demand::Session), Decision::Join);
    state.succeed(at(11), at(11), Some(at(311)), Duration::from_secs(1), Cause::Rejected, 0.0);
    assert_eq!(state.judge(at(12), 1, false), Verdict::AlreadyReplaced);
    assert!(matches!(state.judge(at(12), 2, false), Verdict::HeldBack(until) if until > at(12)));
    assert_eq!(state.decide(at(12), Duration::ZERO, Demand::Session), Decision::Serve);
    let first = state.hold_reports_until.expect("held");
    assert_eq!(state.judge(first, 2, false), Verdict::Refresh);
    state.reject(first, false);
    let second = state.hold_reports_until.expect("held");
    assert!(
        second.duration_since(first).expect("later") > first.duration_since(at(10)).expect("later"),
        "the pause grows"
    );
}

#[test]
fn a_credential_that_had_worked_is_replaced_soon_and_one_that_comes_back_unchanged_is_not() {
    let mut state = fetched();
    state.reject(at(10), false);
    state.succeed(at(11), at(11), Some(at(311)), Duration::from_secs(1), Cause::Rejected, 0.0);
    assert_eq!(state.judge(at(12), 2, true), Verdict::HeldBack(at(16)));
    assert_eq!(state.judge(at(16), 2, true), Verdict::Refresh);
    assert!(matches!(state.judge(at(16), 2, false), Verdict::HeldBack(until) if until > at(16)));
    // However often that happens, the pause does not grow.
    for now in [16, 22, 28] {
        state.reject(at(now), true);
        state.succeed(at(now + 1), at(now + 1), None, Duration::from_secs(1), Cause::Rejected, 0.0);
        assert_eq!(state.judge(at(now + 6), 0, true), Verdict::Refresh);
    }
    assert_eq!(state.judge(at(34), 0, false), Verdict::HeldBack(at(58)));
    // The same secret again: the API did not mean it, or does not know its own mind.
    for now in [34, 40, 46, 52] {
        state.reject(at(now), true);
        state.succeed(at(now + 1), at(now + 1), None, Duration::from_secs(1), Cause::Rejected, 0.0);
        state.note_same(at(now + 1));
    }
    assert_eq!(state.judge(at(58), 0, true), state.judge(at(58), 0, false));
}

#[test]
fn a_rejected_credential_is_served_stale_while_its_refresh_fails() {
    let mut state = fetched();
    state.reject(at(10), false);
    state.fail((at(11), Duration::ZERO), problem(), false, 0.0);
    assert_eq!(state.decide(at(12), Duration::ZERO, Demand::Session), Decision::Serve);
    assert!(state.is_stale());
}

#[test]
fn a_waiting_session_wakes_a_refresh_that_left_a_person_alone() {
    let mut state = State::default();
    state.fail((at(0), Duration::ZERO), problem(), true, 0.0);
    assert_eq!(state.decide(at(1), Duration::ZERO, Demand::Background), Decision::Reject);
    assert_eq!(state.decide(at(1), Duration::ZERO, Demand::Session), Decision::Join);
    let mut state = fetched();
    state.fail((at(240), Duration::ZERO), problem(), true, 0.0);
    assert_eq!(
        state.decide(at(241), Duration::ZERO, Demand::Session),
        Decision::Serve,
        "it is valid: no waiter is woken"
    );
    state.reject(at(241), false);
    assert_eq!(state.decide(at(242), Duration::ZERO, Demand::Session), Decision::Join);
    assert_eq!(state.decide(at(242), Duration::ZERO, Demand::Background), Decision::Serve);
    state.fail((at(243), Duration::ZERO), problem(), false, 0.0);
    assert_eq!(
        state.decide(at(244), Duration::ZERO, Demand::Session),
        Decision::Serve,
        "a person was asked in vain"
    );
    state.fail((at(299), Duration::ZERO), problem(), true, 0.0);
    assert_eq!(state.decide(at(300), Duration::ZERO, Demand::Session), Decision::Join, "expired");
}

#[test]
fn a_server_that_says_when_to_come_back_is_believed_within_reason() {
    for (told, expected) in [(0, 10), (60, 60), (86_400, 300)] {
        let mut state = State::default();
        state.fail((at(0), Duration::ZERO), problem().retry_after(Duration::from_secs(told)), false, 0.0);
        assert_eq!(state.failure.expect("failed").retry_at, at(expected), "{told}");
    }
}

#[test]
fn generations_only_grow() {
    let mut state = fetched();
    state.fail((at(1), Duration::ZERO), problem(), false, 0.0);
    state.succeed(at(2), at(2), None, Duration::ZERO, Cause::Due, 0.0);
    let issue = state.current.expect("issued");
    assert_eq!((issue.generation, issue.refresh_at), (2, None));
    assert_eq!(state.decide(at(1_000_000), Duration::from_secs(60), Demand::Session), Decision::Serve);
}

#[test]
fn what_changed_since_ends_a_credential_and_a_pause_but_erases_nothing() {
    let mut state = fetched();
    state.outdate();
    assert_eq!(state.decide(at(10), Duration::ZERO, Demand::Session), Decision::Join);
    state.fail((at(11), Duration::ZERO), problem(), false, 0.0);
    assert_eq!(state.decide(at(12), Duration::ZERO, Demand::Session), Decision::Serve, "no loop");
    state.outdate();
    assert_eq!(state.decide(at(12), Duration::ZERO, Demand::Session), Decision::Join);
    state.succeed(at(13), at(13), Some(at(313)), Duration::from_secs(1), Cause::Due, 0.0);
    assert_eq!(state.decide(at(14), Duration::ZERO, Demand::Session), Decision::Serve);
    let mut failed = State::default();
    failed.fail((at(0), Duration::ZERO), problem(), false, 0.0);
    assert_eq!(failed.decide(at(1), Duration::ZERO, Demand::Session), Decision::Reject);
    failed.outdate();
    assert_eq!(failed.decide(at(1), Duration::ZERO, Demand::Session), Decision::Join);
}

#[test]
fn another_place_has_a_try_of_its_own_within_a_pause() {
    let mut state = State::default();
    let mut fail = |now, place| {
        let before = state.failure.clone();
        state.fail((at(now), Duration::ZERO), problem(), false, 0.0);
        state.note_try(at(now), (place, false), before);
        let failure = state.failure.clone().expect("noted");
        (failure.count, failure.retry_at, [1, 2, 3, 4].map(|place| state.may_try(place)))
    };
    let (_, end, tries) = fail(0, 1);
    assert_eq!(tries, [false, true, true, true]);
    assert_eq!(fail(1, 2), (1, end, [false, false, true, true]), "the pause is the same");
    assert_eq!(fail(2, 3), (1, end, [false; 4]), "three are enough");
    let (count, later, tries) = fail(60, 4);
    assert_eq!((count, tries), (2, [true, true, true, false]), "a new round");
    assert!(later > end);
    assert!(!State::default().may_try(1));
}

#[test]
fn a_person_goes_past_a_pause_once_and_then_waits_a_little() {
    let mut state = State::default();
    let fail = |state: &mut State, now, insisted| {
        let before = state.failure.clone();
        state.fail((at(now), Duration::ZERO), problem(), false, 0.0);
        state.note_try(at(now), (1, insisted), before);
        state.failure.clone().expect("noted").retry_at
    };
    let decisions = |state: &State, now| {
        [Demand::Background, Demand::Session, Demand::Person]
            .map(|demand| state.decide(at(now), Duration::ZERO, demand) == Decision::Join)
    };
    for now in [0, 10, 30, 70, 150, 310] {
        fail(&mut state, now, false);
    }
    assert_eq!(decisions(&state, 311), [false, false, true], "in a pause of five minutes");
    let end = fail(&mut state, 312, true);
    assert_eq!(end, at(610), "it is no longer for that");
    assert_eq!(decisions(&state, 321), [false; 3]);
    assert_eq!(decisions(&state, 322), [false, false, true]);
    fail(&mut state, 323, true);
    assert_eq!(decisions(&state, 610), [true; 3]);
    fail(&mut state, 610, false);
    assert_eq!(decisions(&state, 611), [false, false, true], "a new pause");
    let mut valid = fetched();
    fail(&mut valid, 240, false);
    assert_eq!(decisions(&valid, 241), [false; 3], "there is no need");
    valid.reject(at(241), false);
    assert_eq!(decisions(&valid, 242), [false, false, true]);
}

#[test]
fn the_same_secret_again_is_asked_for_soon_three_times() {
    let mut state = fetched();
    let mut refreshed = Vec::new();
    for now in 0..200 {
        if state.judge(at(now), 0, false) == Verdict::Refresh {
            refreshed.push(now);
            state.reject(at(now), false);
            state.succeed(at(now), at(now), Some(at(9000)), Duration::ZERO, Cause::Rejected, 0.0);
            state.note_same(at(now));
        }
    }
    assert_eq!(refreshed, [0, 2, 4, 7, 37, 97]);
    state.succeed(at(200), at(200), Some(at(9000)), Duration::ZERO, Cause::Due, 0.0);
    state.note_same(at(200));
    assert_eq!((state.unchanged, state.judge(at(201), 0, false)), (0, Verdict::HeldBack(at(230))));
}
