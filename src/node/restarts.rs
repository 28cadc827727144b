//! Containers that are killed, or end, again and again: when the next start is due, and what the last end was.
//!
//! Imitates the back-off of `pkg/kubelet/kuberuntime` (`doBackOff`): after the first end the container is started at once, after the
//! next ones when 10 s are over, then twice as many each time, up to five minutes, counted from the end of the container.
//! KubeletCrashLoopBackOffMax is on in 1.36, and without a setting of the kubelet changes nothing; ReduceDefaultCrashLoopBackOffDecay
//! is off. While it backs off, the kubelet looks again after a minute or when the wait is over (`completeWork` of `pod_workers.go`).
//! Assumed: a program ends as soon as it is told to, and well (exit code 0, as nginx, httpd, redis and the databases do); it has ended
//! twice when the cluster is first seen, so that it backs off then. What ends by itself after a while is played from its first start.

/// Starts after the first when a container is first seen that ends again and again: one, at once.
pub const RESTARTS: i32 = 1;

/// Seconds between the second end and the start after it; doubled each time.
const FIRST: i64 = 10;

/// The longest of these times, in seconds.
const LONGEST: i64 = 300;

/// Starts after which it always is the longest.
const STEADY: i32 = 6;

/// Seconds after which the kubelet looks again at a Pod that backs off (`--sync-frequency`): each time it says so.
const SYNC: i64 = 60;

/// Where a container stands that is killed again and again. Times are seconds of the cluster's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Starts after the first.
    pub restarts: i32,
    /// When it ended last.
    pub ended: i64,
    /// Since when it runs; `None`: it backs off.
    pub running: Option<i64>,
}

/// Seconds between the end after so many restarts and the next start. A run of more than ten minutes is not held against a container
/// (`hasExpired` of `client-go/util/flowcontrol/backoff.go`).
fn back_off(restarts: i32, lasts: i64) -> i64 {
    match restarts {
        ..=0 => 0,
        _ if lasts > 2 * LONGEST => 0,
        STEADY.. => LONGEST,
        _ => FIRST << (restarts - 1),
    }
}

/// How often the kubelet says in that time that it backs off.
fn said_in(back_off: i64) -> i64 {
    (back_off + SYNC - 1) / SYNC
}

impl Life {
    /// What has become of it at a later time, if each run lasts so many seconds.
    #[must_use]
    pub fn at(self, now: i64, lasts: i64) -> Life {
        let mut life = self;
        while life.restarts < STEADY || life.running.is_some() {
            if now < life.turns(lasts) {
                return life;
            }
            life = life.turned(lasts);
        }
        let cycle = back_off(STEADY, lasts).saturating_add(lasts.max(1));
        let whole = now.saturating_sub(life.ended).max(0) / cycle;
        life.ended = life.ended.saturating_add(whole.saturating_mul(cycle));
        life.restarts = life.restarts.saturating_add(i32::try_from(whole).unwrap_or(i32::MAX));
        if now >= life.turns(lasts) { life.turned(lasts) } else { life }
    }

    /// When it turns next: it is started, or killed.
    pub fn turns(&self, lasts: i64) -> i64 {
        match self.running {
            Some(since) => since.saturating_add(lasts.max(1)),
            None => self.ended.saturating_add(back_off(self.restarts, lasts)),
        }
    }

    /// After its next turn.
    fn turned(self, lasts: i64) -> Life {
        let at = self.turns(lasts);
        match self.running {
            Some(_) => Life { ended: at, running: None, ..self },
            None => Life { restarts: self.restarts.saturating_add(1), running: Some(at), ..self },
        }
    }

    /// How often it was killed.
    pub fn kills(&self) -> i64 {
        i64::from(self.restarts) + i64::from(self.running.is_none())
    }

    /// How often the kubelet has said that it backs off, if each run lasts so many seconds.
    pub fn back_offs(&self, now: i64, lasts: i64) -> i64 {
        if lasts > 2 * LONGEST {
            return 0;
        }
        let short: i64 = (1..self.restarts.min(STEADY)).map(|restarts| said_in(back_off(restarts, 0))).sum();
        let long = i64::from((self.restarts - STEADY).max(0)) * said_in(LONGEST);
        let latest = (said_in(back_off(self.restarts, 0)) - 1).max(0);
        let present = if self.running.is_none() { (now.saturating_sub(self.ended) / SYNC).clamp(0, latest) + 1 } else { 0 };
        short + long + present
    }

    /// How long the present back-off is, as Go writes a duration: `10s`, `1m20s`, `5m0s`.
    pub fn back_off_text(&self) -> String {
        let seconds = back_off(self.restarts, 0);
        if seconds < 60 { format!("{seconds}s") } else { format!("{}m{}s", seconds / 60, seconds % 60) }
    }
}

/// How often a volume has been tried: half a second after the first time, then after twice as long each time, up to 122 s
/// (`pkg/util/goroutinemap/exponentialbackoff`).
pub fn mounts_tried(seconds: i64) -> i64 {
    let (mut half_seconds, mut wait, mut tried) = (seconds.saturating_mul(2), 1i64, 1i64);
    while wait < 244 {
        if half_seconds < wait {
            return tried;
        }
        half_seconds -= wait;
        tried += 1;
        wait *= 2;
    }
    tried + half_seconds / 244
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_that_ends_again_and_again_is_started_after_ever_longer_times() {
        let first = Life { restarts: RESTARTS, ended: 0, running: None };
        assert_eq!(first.at(9, 50), first);
        assert_eq!(first.at(10, 50), Life { restarts: 2, ended: 0, running: Some(10) });
        assert_eq!(first.at(60, 50), Life { restarts: 2, ended: 60, running: None });
        let waits = |life: &Life| life.turns(50) - life.ended;
        let (mut life, mut all) = (first, Vec::new());
        for _ in 0..7 {
            all.push((waits(&life), life.back_off_text()));
            life = life.turned(50).turned(50);
        }
        let texts = ["10s", "20s", "40s", "1m20s", "2m40s", "5m0s", "5m0s"].map(String::from);
        assert_eq!(all, [10, 20, 40, 80, 160, 300, 300].into_iter().zip(texts).collect::<Vec<_>>());
        // 310 s of waiting and five runs, then a start every 350 s.
        assert_eq!(first.at(560, 50), Life { restarts: 6, ended: 560, running: None });
        assert_eq!(first.at(560 + 350 * 10, 50), Life { restarts: 16, ended: 4_060, running: None });
        // Step by step as at once.
        assert_eq!(first.at(320, 50).at(1_000, 50).at(3_500, 50), first.at(3_500, 50));
        assert_eq!((first.turns(50), first.at(10, 50).turns(50)), (10, 60));
        assert_eq!((first.kills(), first.back_offs(0, 50), first.back_offs(130, 50)), (2, 1, 1));
        assert_eq!((life.restarts, life.kills(), life.back_offs(life.ended, 50)), (8, 9, 1 + 1 + 1 + 2 + 3 + 5 + 5 + 1));
    }

    #[test]
    fn what_ends_by_itself_is_started_at_once_the_first_time_and_always_after_long_runs() {
        let first = Life { restarts: 0, ended: 0, running: Some(0) };
        let at = |now| {
            let life = first.at(now, 5);
            (life.restarts, life.running.unwrap_or(-life.ended))
        };
        assert_eq!([at(4), at(5), at(10), at(19), at(20), at(25)], [(0, 0), (1, 5), (1, -10), (1, -10), (2, 20), (2, -25)]);
        assert_eq!([at(339), at(344), at(345), at(645), at(650)], [(5, -180), (6, 340), (6, -345), (7, 645), (7, -650)]);
        assert_eq!(first.at(10_000, 700).back_offs(10_000, 700), 0);
        assert_eq!(first.at(10_000, 700), Life { restarts: 14, ended: 9_800, running: Some(9_800) });
    }

    #[test]
    fn a_volume_is_tried_again_ever_more_rarely() {
        let tried: Vec<i64> = [0, 1, 2, 4, 8, 64, 128, 300].into_iter().map(mounts_tried).collect();
        assert_eq!(tried, [1, 2, 3, 4, 5, 8, 9, 10]);
    }
}
