//! Containers that are killed again and again: when the next start is due, and what the last end was.
//!
//! Imitates the back-off of `pkg/kubelet/kuberuntime` (`doBackOff`; 10 s doubled up to five minutes, counted from the end of the
//! container). KubeletCrashLoopBackOffMax is on in 1.36, and without a setting of the kubelet changes nothing;
//! ReduceDefaultCrashLoopBackOffDecay is off. Assumed: a program that is told to end does not listen, and is killed when its grace is
//! over (exit code 137); it started so many times that its back-off has reached the five minutes when the cluster is first seen.

/// Starts after the first when the back-off has reached five minutes: 10 s doubled five times.
pub const RESTARTS: i32 = 6;

/// Seconds between an end and the next start.
const BACK_OFF: i64 = 300;

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

impl Life {
    /// What has become of it at a later time, if each run lasts so many seconds.
    #[must_use]
    pub fn at(self, now: i64, lasts: i64) -> Life {
        let lasts = lasts.max(1);
        let mut life = self;
        if let Some(since) = life.running {
            if now < since.saturating_add(lasts) {
                return life;
            }
            life = Life { restarts: life.restarts, ended: since.saturating_add(lasts), running: None };
        }
        let cycle = BACK_OFF.saturating_add(lasts);
        let whole = now.saturating_sub(life.ended).max(0) / cycle;
        life.ended = life.ended.saturating_add(whole.saturating_mul(cycle));
        life.restarts = life.restarts.saturating_add(i32::try_from(whole).unwrap_or(i32::MAX));
        let start = life.ended.saturating_add(BACK_OFF);
        if now >= start {
            life.restarts = life.restarts.saturating_add(1);
            life.running = Some(start);
        }
        life
    }

    /// When it turns next: it is started, or killed.
    pub fn turns(&self, lasts: i64) -> i64 {
        self.running.map_or_else(|| self.ended.saturating_add(BACK_OFF), |since| since.saturating_add(lasts.max(1)))
    }

    /// How often it was killed since the cluster was first seen.
    pub fn kills(&self) -> i64 {
        i64::from(self.restarts) - i64::from(RESTARTS) + i64::from(self.running.is_none())
    }

    /// How often it was started again since.
    pub fn starts(&self) -> i64 {
        i64::from(self.restarts) - i64::from(RESTARTS)
    }

    /// How often the kubelet has said since that it backs off.
    pub fn back_offs(&self, now: i64) -> i64 {
        let each = BACK_OFF / SYNC;
        let present = if self.running.is_none() { (now.saturating_sub(self.ended) / SYNC).clamp(0, each - 1) + 1 } else { 0 };
        self.starts() * each + present
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
    fn a_container_that_fails_its_probe_is_started_again_every_five_minutes() {
        let first = Life { restarts: RESTARTS, ended: 0, running: None };
        assert_eq!(first.at(299, 50), first);
        assert_eq!(first.at(300, 50), Life { restarts: 7, ended: 0, running: Some(300) });
        assert_eq!(first.at(349, 50), Life { restarts: 7, ended: 0, running: Some(300) });
        assert_eq!(first.at(350, 50), Life { restarts: 7, ended: 350, running: None });
        assert_eq!(first.at(3_500, 50), Life { restarts: 16, ended: 3_500, running: None });
        // Step by step as at once.
        assert_eq!(first.at(320, 50).at(1_000, 50).at(3_500, 50), first.at(3_500, 50));
        assert_eq!((first.turns(50), first.at(300, 50).turns(50)), (300, 350));
        assert_eq!((first.kills(), first.starts(), first.back_offs(0), first.back_offs(130)), (1, 0, 1, 3));
    }

    #[test]
    fn a_volume_is_tried_again_ever_more_rarely() {
        let tried: Vec<i64> = [0, 1, 2, 4, 8, 64, 128, 300].into_iter().map(mounts_tried).collect();
        assert_eq!(tried, [1, 2, 3, 4, 5, 8, 9, 10]);
    }
}
