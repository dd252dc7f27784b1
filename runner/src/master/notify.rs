//! What the service manager is told that has started the program, if one has (sd_notify(3)).
//!
//! What is said follows from how the program stands, so that it is true whatever led there.
//! Invariant: READY is said when every server serves and the `start` hook has succeeded, and after
//! each RELOADING once nothing is reloading any more, whatever the outcome.
//! Invariant: nobody waits for the manager. What it does not take is said later.

use super::run::MasterProcess;
use crate::os::clock;
use crate::os::notify::NotifySocket;
use crate::supervisor::{Stage, Time};
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::process;
use std::time::Duration;

/// While the program starts, reloads or stops, the manager is asked again and again for so much more
/// time: every deadline there is one of ours, and its own are not to come earlier.
const EXTENSION: Duration = Duration::from_secs(20);
const EXTENSION_INTERVAL: Duration = Duration::from_secs(5);

/// How often the status line changes at most.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// How many characters of it are told; the manager takes no message above 4096 bytes (NOTIFY_BUFFER_MAX
/// of systemd).
const STATUS_LENGTH_MAX: usize = 500;

/// When the manager is tried again that did not read, and how many messages wait for it at most.
const RETRY_AFTER: Duration = Duration::from_secs(1);
const OUTBOX_MAX: usize = 16;

/// What there is to tell, and what was told. It reads no clock.
#[derive(Debug)]
pub(super) struct Notify {
    socket: Option<NotifySocket>,
    said: Said,
    stage: Stage,
    /// Why the last thing that was asked for has failed.
    failure: Option<String>,
    status: Status,
    extend_at: Time,
    alive_at: Time,
    /// Messages that the manager did not take, the oldest first, and when it is tried again.
    outbox: VecDeque<String>,
    retry_at: Time,
    /// A message was lost, and that was logged.
    lost: bool,
}

/// The last that was said of what the program is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    Ready,
    Reloading,
    Stopping,
}

/// The status line: as it should be, as it was told, and when.
#[derive(Debug, Default)]
struct Status {
    wanted: String,
    told: String,
    told_at: Option<Time>,
}

impl Notify {
    /// To be called before the program becomes a daemon.
    pub(super) fn of_environment() -> Self {
        let socket = NotifySocket::of_environment().unwrap_or_else(|error| {
            tracing::warn!(%error, "NOTIFY_SOCKET cannot be used");
            None
        });
        Self::new(socket)
    }

    /// In a program that was executed in place of another one, which has said that it reloads.
    pub(super) fn after_upgrade() -> Self {
        Self { said: Said::Reloading, stage: Stage::Reloading, ..Self::of_environment() }
    }

    fn new(socket: Option<NotifySocket>) -> Self {
        Self {
            socket,
            said: Said::Nothing,
            stage: Stage::Starting,
            failure: None,
            status: Status::default(),
            extend_at: Time::ZERO,
            alive_at: Time::ZERO,
            outbox: VecDeque::new(),
            retry_at: Time::ZERO,
            lost: false,
        }
    }

    /// A reload begins, or what may become one.
    pub(super) fn reloading(&mut self, now: Time) {
        if matches!(self.stage, Stage::Running | Stage::Reloading) {
            self.failure = None;
            let since_boot = clock::monotonic().as_micros();
            self.turn(Said::Reloading, format!("RELOADING=1\nMONOTONIC_USEC={since_boot}"), now);
        }
    }

    /// What was asked for has failed. It is part of the status until the next reload.
    pub(super) fn failed(&mut self, what: impl Into<String>) {
        self.failure = Some(what.into());
    }

    /// The last words.
    pub(super) fn ended(&mut self, how: &str) {
        self.status.wanted = self.line(how);
        self.push(String::new(), Time::ZERO);
    }

    /// When there is something to tell, if nothing happens before.
    pub(super) fn due(&self) -> Option<Time> {
        let socket = self.socket.as_ref()?;
        if !self.outbox.is_empty() {
            return Some(self.retry_at);
        }
        let extension = self.is_changing().then_some(self.extend_at);
        let sign_of_life = socket.watchdog().map(|_| self.alive_at);
        [self.status.due(), extension, sign_of_life].into_iter().flatten().min()
    }

    /// Every server serves.
    fn ready(&mut self, now: Time) {
        self.turn(Said::Ready, format!("READY=1\nMAINPID={}", process::id()), now);
    }

    /// Tells what has begun. `status` describes how the program stands.
    fn begin(&mut self, stage: Stage, status: &str, now: Time) {
        self.stage = stage;
        let reloads = stage == Stage::Reloading && self.said != Said::Reloading;
        let stops = stage == Stage::Stopping && self.said != Said::Stopping;
        self.failure.take_if(|_| reloads);
        self.status.wanted = self.line(status);
        if reloads {
            self.reloading(now);
        } else if stops {
            self.turn(Said::Stopping, "STOPPING=1".to_owned(), now);
        }
    }

    /// Tells what is over, and what has to be told from time to time.
    fn settle(&mut self, stage: Stage, status: &str, now: Time) {
        self.begin(stage, status, now);
        // An image of the program that has taken over from another one has not said anything.
        if self.stage == Stage::Running && self.said != Said::Ready {
            self.ready(now);
        }
        self.flush(now);
        if self.outbox.is_empty() {
            let mut lines = Vec::new();
            if self.is_changing() && self.extend_at <= now {
                lines.push(self.extend(now));
            }
            lines.extend(self.sign_of_life(now));
            if !lines.is_empty() || self.status.due().is_some_and(|due| due <= now) {
                self.push(lines.join("\n"), now);
            }
        }
    }

    /// Says that the program is at something else now. The manager begins to count the time anew.
    fn turn(&mut self, said: Said, mut message: String, now: Time) {
        self.said = said;
        if said != Said::Ready {
            message = format!("{message}\n{}", self.extend(now));
        }
        self.push(message, now);
    }

    /// Whether the program is at something that the manager gives a limited time.
    fn is_changing(&self) -> bool {
        self.stage != Stage::Running
    }

    /// A status line that the manager takes: without control characters, and not too long.
    fn line(&self, status: &str) -> String {
        let failure = self.failure.iter().flat_map(|failure| ["; ", failure]);
        let chars = std::iter::once(status).chain(failure).flat_map(str::chars);
        let clean = chars.map(|char| if char.is_control() { ' ' } else { char });
        clean.take(STATUS_LENGTH_MAX).collect()
    }

    fn extend(&mut self, now: Time) -> String {
        self.extend_at = now + EXTENSION_INTERVAL;
        format!("EXTEND_TIMEOUT_USEC={}", EXTENSION.as_micros())
    }

    /// The sign of life, if it is time for one: twice as often as one is expected.
    fn sign_of_life(&mut self, now: Time) -> Option<String> {
        let period = self.socket.as_ref()?.watchdog()?;
        if now < self.alive_at {
            return None;
        }
        self.alive_at = now + period / 2;
        Some("WATCHDOG=1".to_owned())
    }

    /// Says a message, with the status.
    fn push(&mut self, mut message: String, now: Time) {
        if let Some(status) = self.status.tell(now) {
            let separator = if message.is_empty() { "" } else { "\n" };
            message = format!("{message}{separator}STATUS={status}");
        }
        if !message.is_empty() {
            self.outbox.push_back(message);
        }
        if OUTBOX_MAX < self.outbox.len() {
            self.outbox.pop_front();
        }
        self.flush(now);
    }

    fn flush(&mut self, now: Time) {
        let Some(socket) = &self.socket else {
            return self.outbox.clear();
        };
        while let Some(message) = self.outbox.front() {
            match socket.say(message) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.retry_at = now + RETRY_AFTER;
                    return;
                }
                Err(error) if !self.lost => {
                    self.lost = true;
                    tracing::warn!(%error, "the service manager cannot be told how it goes");
                }
                _ => {}
            }
            self.outbox.pop_front();
        }
    }
}

impl Status {
    /// When it is to be told, if it has changed.
    fn due(&self) -> Option<Time> {
        let changed = self.wanted != self.told;
        changed.then(|| self.told_at.map_or(Time::ZERO, |at| at + STATUS_INTERVAL))
    }

    /// The line, if it has changed.
    fn tell(&mut self, now: Time) -> Option<&str> {
        if self.wanted == self.told {
            return None;
        }
        self.told.clone_from(&self.wanted);
        self.told_at = Some(now);
        Some(&self.told)
    }
}

impl MasterProcess {
    /// Tells the service manager what has begun; before anything is forked, which takes its time.
    pub(super) fn announce(&mut self) {
        if self.notify.socket.is_some() {
            let (stage, now) = (self.supervisor.stage(), self.now());
            let status = self.status_line(stage);
            self.notify.begin(stage, &status, now);
        }
    }

    /// Tells the service manager how the program stands. To be called when nothing is left to be
    /// done for the supervisor.
    pub(super) fn keep_informed(&mut self) {
        if self.notify.socket.is_some() {
            let (stage, now) = (self.supervisor.stage(), self.now());
            let status = self.status_line(stage);
            self.notify.settle(stage, &status, now);
        }
    }

    /// Tells the service manager that every server serves.
    pub(super) fn announce_ready(&mut self) {
        let now = self.now();
        self.notify.status.wanted = self.notify.line(&self.status_line(Stage::Running));
        self.notify.ready(now);
    }

    /// One line about how the program stands.
    fn status_line(&self, stage: Stage) -> String {
        let servers: Vec<_> = self.supervisor.status().collect();
        let target: u32 = servers.iter().map(|server| server.target).sum();
        let serving: usize = (0..servers.len()).map(|it| self.supervisor.serving(it).len()).sum();
        let generation = self.supervisor.generation();
        let mut line = match stage {
            Stage::Starting => format!("starting: {serving}/{target} workers serve"),
            Stage::Running => {
                format!("{serving}/{target} workers serve, generation {generation}")
            }
            Stage::Reloading => {
                format!("reloading to generation {generation}: {serving}/{target} workers serve")
            }
            Stage::Stopping => format!("stopping: {} workers left", self.live.len()),
        };
        let degraded = servers.iter().enumerate().filter(|(_, server)| server.degraded);
        let degraded: Vec<_> = degraded.map(|(index, _)| self.server_name(index)).collect();
        if !degraded.is_empty() {
            line = format!("{line}; degraded: {}", degraded.join(", "));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;
    use tempfile::TempDir;

    const SECOND: Time = Time::from_secs(1);

    /// A program, and the manager that it tells.
    struct Fake {
        notify: Notify,
        manager: UnixDatagram,
        _directory: TempDir,
    }

    impl Fake {
        fn new(watchdog: Option<Duration>) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("notify");
            let manager = UnixDatagram::bind(&path).unwrap();
            manager.set_nonblocking(true).unwrap();
            let notify = Notify::new(Some(NotifySocket::at(&path, watchdog).unwrap()));
            Self { notify, manager, _directory: directory }
        }

        /// The messages since the last time, with the numbers that differ each time left out.
        fn heard(&self) -> Vec<String> {
            let mut buffer = [0; 8192];
            let message = || self.manager.recv(&mut buffer).ok().map(|end| buffer[..end].to_vec());
            let own = process::id().to_string();
            let clean = |line: &str| match line.split_once('=') {
                Some(("MONOTONIC_USEC", _)) => "MONOTONIC_USEC".to_owned(),
                _ => line.replace(&own, "PID"),
            };
            std::iter::from_fn(message)
                .map(|bytes| String::from_utf8(bytes).unwrap())
                .map(|text| text.lines().map(clean).collect::<Vec<_>>().join(" "))
                .collect()
        }
    }

    #[test]
    fn what_is_said_follows_from_what_happens() {
        let mut fake = Fake::new(None);
        fake.notify.settle(Stage::Starting, "starting", Time::ZERO);
        assert_eq!(fake.heard(), ["EXTEND_TIMEOUT_USEC=20000000 STATUS=starting"]);
        fake.notify.reloading(SECOND);
        assert_eq!(fake.heard(), [""; 0], "it has not started yet");
        fake.notify.ready(SECOND);
        fake.notify.settle(Stage::Running, "fine", SECOND);
        assert_eq!(fake.heard(), ["READY=1 MAINPID=PID", "STATUS=fine"]);

        let reloading = "RELOADING=1 MONOTONIC_USEC EXTEND_TIMEOUT_USEC=20000000";
        fake.notify.begin(Stage::Reloading, "fresh", 9 * SECOND);
        fake.notify.settle(Stage::Reloading, "fresh", 9 * SECOND);
        assert_eq!(fake.heard(), [format!("{reloading} STATUS=fresh")]);
        fake.notify.failed("it\nfailed");
        fake.notify.settle(Stage::Running, "fine", 10 * SECOND);
        assert_eq!(fake.heard(), ["READY=1 MAINPID=PID STATUS=fine; it failed"]);

        // One that is over at once.
        fake.notify.reloading(20 * SECOND);
        fake.notify.settle(Stage::Running, "fine", 20 * SECOND);
        assert_eq!(fake.heard(), [reloading, "READY=1 MAINPID=PID STATUS=fine"]);

        // One that another image of the program has begun.
        fake.notify.said = Said::Nothing;
        fake.notify.settle(Stage::Running, "fine", 25 * SECOND);
        assert_eq!(fake.heard(), ["READY=1 MAINPID=PID"]);

        // One that a stop ends.
        fake.notify.reloading(30 * SECOND);
        fake.notify.begin(Stage::Stopping, "stopping", 31 * SECOND);
        fake.notify.settle(Stage::Stopping, "stopping", 31 * SECOND);
        let stopping = "STOPPING=1 EXTEND_TIMEOUT_USEC=20000000 STATUS=stopping";
        assert_eq!(fake.heard(), [reloading, stopping]);
        fake.notify.ended("stopped");
        assert_eq!(fake.heard(), ["STATUS=stopped"]);
    }

    /// A start that fails says nothing but why.
    #[test]
    fn a_failed_start_is_never_ready() {
        let mut fake = Fake::new(None);
        fake.notify.settle(Stage::Starting, "starting", Time::ZERO);
        fake.notify.begin(Stage::Stopping, "stopping", SECOND);
        fake.notify.settle(Stage::Stopping, "stopping", SECOND);
        fake.notify.ended("cannot start: no database");
        let heard = fake.heard();
        assert!(heard.iter().all(|message| !message.contains("READY")), "{heard:?}");
        assert_eq!(heard.last().unwrap(), "STATUS=cannot start: no database");
    }

    /// Calls `settle` whenever that is due, and once a millisecond besides; returns what was said
    /// within ten seconds.
    fn ten_seconds(fake: &mut Fake, stage: Stage, status: impl Fn(Time) -> String) -> Vec<String> {
        let mut heard = Vec::new();
        let mut calls = 0;
        for now in (0..10_000).map(Duration::from_millis) {
            fake.notify.settle(stage, &status(now), now);
            while let Some(due) = fake.notify.due().filter(|due| *due <= now) {
                fake.notify.settle(stage, &status(now), due);
                calls += 1;
                assert!(calls < 100, "due at {due:?} at {now:?}, for ever");
            }
            heard.extend(fake.heard());
        }
        heard
    }

    #[test]
    fn what_is_said_again_and_again_has_its_times() {
        let still = |_| "still".to_owned();
        let count = |heard: &[String], word: &str| {
            heard.iter().filter(|message| message.contains(word)).count()
        };
        for (stage, watchdog, extensions, beats) in [
            (Stage::Running, None, 0, 0),
            (Stage::Running, Some(2 * SECOND), 0, 10),
            (Stage::Stopping, Some(SECOND), 2, 20),
            (Stage::Starting, None, 2, 0),
        ] {
            let heard = ten_seconds(&mut Fake::new(watchdog), stage, still);
            assert_eq!(count(&heard, "EXTEND_TIMEOUT_USEC"), extensions, "{stage:?} {heard:?}");
            assert_eq!(count(&heard, "WATCHDOG=1"), beats, "{stage:?} {heard:?}");
            assert_eq!(count(&heard, "STATUS"), 1, "{stage:?} {heard:?}");
        }
    }

    #[test]
    fn a_status_that_changes_all_the_time_is_told_once_a_second() {
        let mut fake = Fake::new(None);
        let heard = ten_seconds(&mut fake, Stage::Running, |now| format!("at {now:?}"));
        assert_eq!(heard.len(), 10, "{heard:?}");
    }

    /// What matters is said when the manager reads again, in its order.
    #[test]
    fn a_manager_that_does_not_read_hears_it_later() {
        let mut fake = Fake::new(Some(SECOND));
        let socket = fake.notify.socket.as_ref().unwrap();
        while socket.say("noise").is_ok() {}
        fake.notify.ready(Time::ZERO);
        for second in 1..100 {
            fake.notify.reloading(SECOND * second);
            fake.notify.settle(Stage::Running, "fine", SECOND * second);
        }
        assert_eq!(fake.notify.outbox.len(), OUTBOX_MAX);
        let due = fake.notify.due().unwrap();
        assert!(99 * SECOND < due, "{due:?}");
        let mut heard = fake.heard();
        while !fake.notify.outbox.is_empty() {
            fake.notify.settle(Stage::Running, "fine", due);
            heard.extend(fake.heard());
        }
        heard.retain(|message| message.contains("RELOADING=1") || message.contains("READY=1"));
        assert!(heard.len() >= OUTBOX_MAX, "{heard:?}");
        assert!(heard.last().is_some_and(|message| message.contains("READY=1")), "{heard:?}");
        assert!(fake.notify.due().is_some_and(|next| due < next));
    }

    /// Nothing piles up, and nobody is in a hurry.
    #[test]
    fn a_manager_that_is_gone_is_no_loss() {
        let mut fake = Fake::new(Some(2 * SECOND));
        fake.manager = UnixDatagram::unbound().unwrap();
        fake.manager.set_nonblocking(true).unwrap();
        assert!(ten_seconds(&mut fake, Stage::Stopping, |now| format!("{now:?}")).is_empty());
        assert!(fake.notify.outbox.is_empty());
        let mut nobody = Notify::new(None);
        nobody.ready(Time::ZERO);
        assert_eq!((nobody.due(), nobody.outbox.len()), (None, 0));
    }

    #[test]
    fn a_status_is_one_line_that_the_manager_takes() {
        let mut fake = Fake::new(None);
        fake.notify.failed("é\n".repeat(4096));
        fake.notify.ended("failed");
        let heard = fake.heard();
        assert_eq!(heard.len(), 1);
        assert!(heard[0].len() < 4096 && heard[0].starts_with("STATUS=failed; é é "), "{heard:?}");
    }
}
