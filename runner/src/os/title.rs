//! What `ps` and `top` show for a process.

use nix::sys::prctl;
use std::collections::BTreeSet;
use std::ffi::CString;
use std::{env, fs};

/// The longest name of a thread, which `top` and `pgrep` show (prctl(2), PR_SET_NAME).
const COMM_LENGTH_MAX: usize = 15;

/// The memory that the kernel shows as the command line, to be written over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Title {
    start: usize,
    length: usize,
}

impl Title {
    /// Finds the memory of the command line and moves the environment behind it elsewhere, so that
    /// a title may be as long as both. Without `/proc` there is no title.
    ///
    /// To be called while the process has one thread.
    #[expect(clippy::disallowed_methods, reason = "to move the environment, with one thread")]
    pub(crate) fn prepare() -> Option<Self> {
        let (arguments, environment) = areas()?;
        // Writing over the arguments also changes what `std::env::args` reads, which points there.
        let length = if arguments.1 == environment.0 && is_movable()? {
            for (key, value) in env::vars_os() {
                // SAFETY: the caller has one thread, so nobody reads the environment meanwhile.
                // Setting a variable makes libc keep it in memory of its own.
                unsafe { env::set_var(key, value) };
            }
            environment.1 - arguments.0
        } else {
            arguments.1 - arguments.0
        };
        (length > 1).then_some(Self { start: arguments.0, length })
    }

    /// Shows `title` from now on, cut to the room there is.
    pub(crate) fn set(self, title: &str) {
        let text: Vec<u8> = title.bytes().filter(|byte| *byte != 0).take(self.length - 1).collect();
        // SAFETY: the range is this process's own argument and environment strings (proc(5),
        // /proc/pid/stat), mapped writable for its whole life; nothing else points into it after
        // `prepare` but the arguments, which this process has read before.
        let area = unsafe { std::slice::from_raw_parts_mut(self.start as *mut u8, self.length) };
        area.fill(0);
        area[..text.len()].copy_from_slice(&text);
    }
}

/// Names the process for `top` and `pgrep`, which show the name of its main thread: to be called by
/// that one.
pub(crate) fn name_process(name: &str) {
    let name: Vec<u8> = name.bytes().filter(|byte| *byte != 0).take(COMM_LENGTH_MAX).collect();
    if let Ok(name) = CString::new(name) {
        let _ = prctl::set_name(&name);
    }
}

/// Whether every variable that the process got can be set again under its name, so that nothing
/// points into the old memory afterwards: no entry without a name, none that is there twice.
fn is_movable() -> Option<bool> {
    let environment = fs::read("/proc/self/environ").ok()?;
    let mut names = BTreeSet::new();
    let mut entries = environment.split(|byte| *byte == 0);
    Some(entries.all(|entry| {
        let name = entry.split(|byte| *byte == b'=').next().unwrap_or_default();
        entry.is_empty() || (!name.is_empty() && name.len() < entry.len() && names.insert(name))
    }))
}

/// The bounds of the arguments and of the environment: fields 48 to 51 of /proc/self/stat.
fn areas() -> Option<((usize, usize), (usize, usize))> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is a name in parentheses that may hold anything, even parentheses.
    let after_name = stat.rsplit_once(')')?.1;
    let field = |number: usize| after_name.split_whitespace().nth(number - 3)?.parse().ok();
    let arguments: (usize, usize) = (field(48)?, field(49)?);
    let environment = (field(50)?, field(51)?);
    (arguments.0 != 0 && arguments.0 < arguments.1 && environment.0 <= environment.1)
        .then_some((arguments, environment))
}
