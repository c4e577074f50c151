use super::{Bounds, Call, Connections, Link, Usage};
use std::{
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};
use tokio::time::{Instant, advance};

fn usage(link: &Link) -> Usage {
    link.usage(&Context::from_waker(Waker::noop()))
}

fn connections(connections: usize, bytes: usize) -> Arc<Connections> {
    Connections::new(Bounds { connections, bytes })
}

#[tokio::test(start_paused = true)]
async fn who_opens_too_many_loses_an_idle_one() {
    let connections = connections(4, 1 << 20);
    let session = connections.open(Some(1));
    let many: Vec<_> = (0..3).map(|_| connections.open(Some(2))).collect();
    let call = Call::new(many[0].clone(), 0);
    call.begin();
    advance(Duration::from_secs(2)).await;
    let (late, opened) = (connections.open(Some(3)), Instant::now());
    assert_eq!([usage(&many[0]), usage(&many[1])], [Usage::Busy, Usage::Over]);
    for open in [&session, &many[2], &late] {
        assert!(matches!(usage(open), Usage::Idle(_)));
    }
    assert!(connections.make_room() && usage(&many[2]) == Usage::Over);
    drop(Call::new(late.clone(), 0));
    let fresh = connections.open(Some(4));
    connections.close_unused();
    assert!(matches!(usage(&fresh), Usage::Idle(_)));
    assert_eq!([usage(&many[0]), usage(&session)], [Usage::Busy, Usage::Over]);
    assert_eq!(usage(&late), Usage::Idle(opened));
    drop(call);
    assert_eq!(usage(&many[0]), Usage::Idle(Instant::now()));
}

#[tokio::test]
async fn who_floods_loses_what_costs_nothing_yet() {
    let connections = connections(4, 1 << 20);
    let served: Vec<_> = (0..2).map(|_| connections.open(Some(2))).collect();
    assert!(served.iter().all(|link| link.serve()));
    let session = connections.open(Some(1));
    let flood: Vec<_> = (0..1000).map(|_| connections.open(Some(2))).collect();
    assert!(served.iter().all(|link| link.is_open()) && session.serve());
    assert_eq!(flood.iter().filter(|link| link.serve()).count(), 1);
    assert!(flood[999].is_open(), "the last one waits least");
}

#[tokio::test]
async fn who_holds_too_much_loses_it() {
    let connections = connections(9, 300_000);
    let (session, greedy) = (connections.open(Some(1)), connections.open(Some(2)));
    let asked = Call::new(session.clone(), 100);
    let calls: Vec<_> = (0..9).map(|_| Call::new(greedy.clone(), 0)).collect();
    assert!(calls[0].hold(90_000) && asked.hold(10_000));
    assert!(!calls[1].hold(90_000));
    assert!(asked.hold(200_000), "what the other one held is free");
    assert_eq!(usage(&greedy), Usage::Over);
    drop((calls, greedy));
    drop(asked);
    assert_eq!(connections.lock().bytes, 0);
    let alone = Call::new(session, 0);
    assert!(!alone.hold(300_000), "a caller may not hold more than there is");
    drop(alone);
    assert_eq!(connections.lock().bytes, 0);
}
