//! How long a client may take.

use super::{PATIENCE, STAND_IN, lock, of, pump};
use crate::{head, listen::Io};
use std::{sync::Arc, time::Duration};
use tokio::{io::AsyncWriteExt as _, net::UnixStream, time::sleep};

const HOUR: Duration = Duration::from_secs(60 * 60);
const HEAD: &str = "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_body_may_take_any_time_and_a_head_may_not() {
    let (mut client, ours) = UnixStream::pair().expect("sockets");
    let io = Arc::new(Io::Unix(ours));
    let (_wire, intake) = of(&io);
    let taken = intake.clone();
    let pump = tokio::spawn(async move { pump(&io, &taken).await });
    // So may the time before a request.
    for part in [HEAD, "a", "b", "c"] {
        sleep(HOUR).await;
        client.write_all(part.as_bytes()).await.expect("it is read");
    }
    sleep(HOUR).await;
    let whole = format!("{HEAD}abc");
    assert_eq!(lock(&intake).ready, whole.as_bytes());
    client.write_all(b"GET ").await.expect("it is read");
    sleep(PATIENCE - Duration::from_secs(1)).await;
    assert!(lock(&intake).refusal.is_none());
    client.write_all(b"/").await.expect("it is read");
    sleep(Duration::from_secs(2)).await;
    let intake = lock(&intake);
    assert_eq!(intake.refusal.map(|refusal| refusal.status), Some(head::TOO_SLOW.status));
    assert_eq!(intake.ready, [whole.as_bytes(), STAND_IN].concat());
    assert!(!intake.ended && !pump.is_finished());
}
