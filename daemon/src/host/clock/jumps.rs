//! Detects that the clock was set, or that the machine was asleep.

use tokio::sync::watch;

/// Counts jumps of the system's clock until the runtime ends.
pub(super) fn follow() -> watch::Receiver<u64> {
    let (sender, receiver) = watch::channel(0);
    tokio::spawn(async move {
        if let Err(error) = note(&sender).await {
            tracing::warn!(%error, "jumps of the clock go unnoticed until the next request");
        }
        // Tasks that wait for a jump continue to wait.
        sender.closed().await;
    });
    receiver
}

/// Uses a timer that the kernel cancels whenever the clock is set, including after sleep. Until then nothing wakes up.
#[cfg(target_os = "linux")]
async fn note(jumps: &watch::Sender<u64>) -> std::io::Result<()> {
    use nix::sys::{
        time::TimeSpec,
        timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
    };
    use std::os::fd::OwnedFd;
    use tokio::io::unix::AsyncFd;
    /// Its time in seconds since 1970: never reached in practice.
    const NEVER: i64 = 1 << 40;
    let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
    let timer = TimerFd::new(ClockId::CLOCK_REALTIME, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
    timer.set(Expiration::OneShot(TimeSpec::new(NEVER, 0)), flags)?;
    #[expect(deprecated, reason = "sound here: only its owner can close an OwnedFd")]
    let timer = AsyncFd::new(OwnedFd::from(timer))?;
    loop {
        let mut ready = timer.readable().await?;
        // Reading returns ECANCELED, and then waits for the next jump.
        let said = nix::unistd::read(timer.get_ref(), &mut [0; 8]);
        ready.clear_ready();
        if said == Err(nix::errno::Errno::ECANCELED) {
            tracing::info!("the clock was set, or the machine was asleep");
            jumps.send_modify(|count| *count += 1);
        }
    }
}

/// Other systems send no notification, so the two clocks are compared regularly.
#[cfg(not(target_os = "linux"))]
#[expect(clippy::disallowed_methods, reason = "this is the door")]
async fn note(jumps: &watch::Sender<u64>) -> std::io::Result<()> {
    use std::time::{Duration, SystemTime};
    /// How often.
    const LOOK: Duration = Duration::from_secs(30);
    /// More than two clocks drift apart in that time.
    const SLACK: Duration = Duration::from_secs(5);
    loop {
        let expected = SystemTime::now() + LOOK;
        tokio::time::sleep(LOOK).await;
        let now = SystemTime::now();
        let ahead = now.duration_since(expected).unwrap_or_else(|behind| behind.duration());
        if ahead > SLACK {
            jumps.send_modify(|count| *count += 1);
        }
    }
}
