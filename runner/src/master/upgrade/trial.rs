//! Trying a program before it takes over: it is run once, as a child, to see whether it starts,
//! accepts the configuration and understands what would be handed over.

use crate::os::fork;
use crate::os::hand_over::{self, HandedOver};
use crate::os::image::Image;
use crate::os::lifeline;
use crate::os::process::{Child, Exit, Signal};
use crate::os::signal::{self, unblock};
use crate::os::stdio::Stdio;
use crate::supervisor::Time;
use nix::poll::PollFlags;
use rustix::io::ioctl_fionbio;
use std::fs::File;
use std::io::{self, ErrorKind, PipeReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process;

/// What the program is executed for.
pub(crate) const ERRAND: &str = "trial";

/// What a program says that could take over. Any other that happens to be there does not say it.
const YES: &[u8] = b"yes\n";

/// How much of what it prints is told, in bytes: the end of it.
const PRINTED_MAX: usize = 2048;

/// A program that is being tried.
#[derive(Debug)]
pub(super) struct Trial {
    child: Child,
    answer: UnixStream,
    output: PipeReader,
    printed: Vec<u8>,
    until: Time,
    /// Why it was ended.
    ended: Option<String>,
}

impl Trial {
    /// Executes the program in a child. The text is what it would take over, with the number of
    /// the descriptor to answer at in front.
    pub(super) fn begin(image: &Image, text: &str, until: Time) -> Result<Self, String> {
        let begin = || {
            let (answer, theirs) = UnixStream::pair()?;
            let (output, printed_to) = io::pipe()?;
            answer.set_nonblocking(true)?;
            ioctl_fionbio(&output, true)?;
            let parent = process::id().cast_signed();
            let run = || {
                let error = become_trial(image, text, &theirs, printed_to.try_clone(), parent);
                eprintln!("cannot execute it: {error}");
                1
            };
            let child = fork::spawn(run).map_err(|error| io::Error::other(error.to_string()))?;
            Ok(Self { child, answer, output, printed: Vec::new(), until, ended: None })
        };
        begin().map_err(|error: io::Error| format!("cannot try the new program: {error}"))
    }

    pub(super) fn pid(&self) -> i32 {
        self.child.pid()
    }

    /// What to wait for in poll(2).
    pub(super) fn descriptors(&self) -> [(BorrowedFd<'_>, PollFlags); 2] {
        [self.child.as_fd(), self.output.as_fd()].map(|descriptor| (descriptor, PollFlags::POLLIN))
    }

    /// When it takes too long; none once it was ended.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.ended.is_none().then_some(self.until)
    }

    /// Ends it if it takes too long.
    pub(super) fn expire(&mut self, now: Time) {
        if self.deadline().is_some_and(|until| until <= now) {
            self.end("it was not done in time".to_owned());
        }
    }

    /// Ends it. Its verdict follows when it is gone.
    pub(super) fn end(&mut self, reason: String) {
        self.ended.get_or_insert(reason);
        if let Err(error) = self.child.signal(Signal::KILL) {
            tracing::error!(pid = self.child.pid(), %error, "cannot end the trial of a program");
        }
    }

    /// Looks how far it is. Some is the verdict.
    pub(super) fn look(&mut self) -> Option<Result<(), String>> {
        let exit = self.child.try_wait();
        self.read_output();
        let exit = match exit {
            Ok(None) => return None,
            Ok(Some(exit)) => exit,
            Err(error) => return Some(Err(format!("cannot wait for the new program: {error}"))),
        };
        let mut answer = Vec::new();
        let _ = (&self.answer).read_to_end(&mut answer);
        let verdict = match self.ended.take() {
            None if answer == YES && exit == Exit::Code(0) => return Some(Ok(())),
            Some(reason) => reason,
            None if exit == Exit::Code(0) => {
                "it ended without a word: it is no program of this kind".to_owned()
            }
            None => format!("it ended with {}", describe(exit)),
        };
        Some(Err(format!("the new program cannot take over: {verdict}{}", self.quote())))
    }

    fn read_output(&mut self) {
        let mut chunk = [0; 4096];
        loop {
            match self.output.read(&mut chunk) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => return,
                Ok(length) => self.printed.extend_from_slice(&chunk[..length]),
            }
            let surplus = self.printed.len().saturating_sub(PRINTED_MAX);
            self.printed.drain(..surplus);
        }
    }

    /// What it has printed, for the end of a sentence.
    fn quote(&self) -> String {
        let printed = String::from_utf8_lossy(&self.printed);
        let lines: Vec<_> =
            printed.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if lines.is_empty() { String::new() } else { format!("; it printed: {}", lines.join("; ")) }
    }
}

fn describe(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("exit code {code}"),
        Exit::Signal { number, .. } => signal::name(number),
    }
}

/// In the child. Returns only if that fails.
fn become_trial(
    image: &Image,
    text: &str,
    answer: &UnixStream,
    printed_to: io::Result<io::PipeWriter>,
    parent: i32,
) -> io::Error {
    let execute = || {
        lifeline::end_when_parent_dies(parent)?;
        let answer = hand_over::keep(answer)?;
        let output = File::from(std::os::fd::OwnedFd::from(printed_to?));
        let (stdout, stderr) = (output.try_clone()?, output);
        Stdio { stdin: None, stdout: Some(stdout), stderr: Some(stderr) }.redirect()?;
        let (_file, number) = hand_over::write(&format!("{answer}\n{text}"))?;
        unblock()?;
        Err(image.execute(ERRAND, number))
    };
    execute().unwrap_or_else(|error: io::Error| error)
}

/// What is tried on the other side.
pub(crate) struct Examination {
    handed_over: HandedOver,
    /// Where the answer goes.
    answer: RawFd,
    /// Where what would be taken over begins in the text.
    begin: usize,
}

impl Examination {
    pub(crate) fn of(handed_over: HandedOver) -> io::Result<Self> {
        let (number, _) = handed_over.text().split_once('\n').ok_or(ErrorKind::InvalidData)?;
        let answer = number.parse().map_err(|_| ErrorKind::InvalidData)?;
        let begin = number.len() + 1;
        Ok(Self { handed_over, answer, begin })
    }

    /// What would be taken over.
    pub(crate) fn text(&self) -> &str {
        &self.handed_over.text()[self.begin..]
    }

    /// Says that this program can take over.
    pub(crate) fn pass(mut self) -> io::Result<()> {
        File::from(self.handed_over.take(self.answer)?).write_all(YES)
    }
}
