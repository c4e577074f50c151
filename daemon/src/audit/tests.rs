use super::{Line, Log, Sink};
use crate::{
    audit::queue::MAX_PENDING,
    host::{audit_file::Unwritten, clock::Clock},
    peer::Peer,
};
use claviger::audit::AuditEvent;
use std::{
    io,
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

/// A simulated disk.
#[derive(Debug, Default)]
struct Disk {
    written: Mutex<String>,
    /// Free bytes; `None`: it hangs.
    room: Mutex<Option<usize>>,
    fixed: Condvar,
}

#[derive(Debug)]
struct SharedDisk(Arc<Disk>);

impl Disk {
    fn of(room: Option<usize>) -> Arc<Self> {
        Arc::new(Self { room: Mutex::new(room), ..Self::default() })
    }

    fn fix(&self) {
        *self.room.lock().expect("lock") = Some(usize::MAX);
        self.fixed.notify_all();
    }

    fn lines(&self) -> Vec<serde_json::Value> {
        let written = self.written.lock().expect("lock");
        written.lines().map(|line| serde_json::from_str(line).expect("a whole line")).collect()
    }
}

impl Sink for SharedDisk {
    fn append(&mut self, lines: &[u8]) -> Result<(), Unwritten> {
        let room = self.0.room.lock().expect("lock");
        let mut room = self.0.fixed.wait_while(room, |room| room.is_none()).expect("lock");
        let left = room.unwrap_or_default();
        let whole =
            lines[..lines.len().min(left)].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        *room = Some(left - whole);
        self.0.written.lock().expect("lock").push_str(std::str::from_utf8(&lines[..whole]).expect("text"));
        match whole == lines.len() {
            true => Ok(()),
            false => Err(Unwritten { written: whole, error: io::ErrorKind::StorageFull.into() }),
        }
    }
}

fn start(disk: &Arc<Disk>) -> Arc<Log> {
    Log::start_on("/audit.jsonl".into(), Box::new(SharedDisk(disk.clone())), Clock::fake())
}

fn note(audit: &Log, numbers: std::ops::Range<u64>) {
    numbers.for_each(|number| audit.note(Line::of(AuditEvent::Get, "lent").generation(number + 1)));
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_delays_and_nothing_is_lost() {
    let disk = Disk::of(Some(200));
    let audit = start(&disk);
    note(&audit, 0..20);
    audit.flush().await;
    let state = audit.state();
    assert!(state.trouble.is_some() && state.lost.is_none(), "{state:?}");
    assert_eq!(state.waiting as usize + disk.lines().len(), 20);
    disk.fix();
    note(&audit, 20..30);
    audit.flush().await;
    let told: Vec<_> =
        disk.lines().iter().map(|line| line["generation"].as_u64().expect("a number")).collect();
    assert_eq!(told, (1..=30).collect::<Vec<_>>());
    assert_eq!((audit.state().trouble, audit.state().waiting), (None, 0));
}

#[tokio::test]
async fn a_hanging_disk_delays_no_session_and_losses_are_counted() {
    let disk = Disk::of(None);
    let audit = start(&disk);
    note(&audit, 0..1);
    let begun = Instant::now();
    audit.flush().await;
    assert!(begun.elapsed() < Duration::from_secs(60), "the end does not wait for the disk");
    let number = (2 * MAX_PENDING / 60) as u64;
    note(&audit, 1..number);
    let (lost, _) = audit.state().lost.expect("more than fits");
    // After a while, a hanging disk is reported.
    let end = Instant::now() + Duration::from_secs(20);
    while audit.state().trouble.is_none() && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(audit.state().trouble.as_deref(), Some("the disk does not answer"));
    disk.fix();
    while disk.lines().last().is_none_or(|line| line["event"] != "lost") && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let lines = disk.lines();
    let last = lines.last().expect("a line");
    assert_eq!((&last["event"], last["count"].as_u64()), (&"lost".into(), Some(lost)));
    assert_eq!(lines.len() as u64 - 1 + lost, number);
    assert_eq!(audit.state().lost.map(|(count, _)| count), Some(lost), "the status goes on saying so");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_strangers_is_one_line_a_second() {
    let disk = Disk::of(Some(usize::MAX));
    let audit = start(&disk);
    let mut stranger = Peer::default();
    stranger.uid = Some(7);
    for _ in 0..1000 {
        audit.rejected(&stranger, "peer-rejected");
    }
    audit.clock.jump(2);
    audit.rejected(&stranger, "peer-rejected");
    audit.flush().await;
    let counts: Vec<_> =
        disk.lines().iter().map(|line| (line["uid"].clone(), line["count"].clone())).collect();
    assert_eq!(counts, [(7.into(), 1.into()), (7.into(), 1000.into())]);
}
