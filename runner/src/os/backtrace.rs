//! Where a thread is, told on standard error from a signal handler.

use nix::errno::Errno;
use nix::unistd::write;
use std::backtrace::Backtrace;
use std::ffi::{CStr, c_int, c_void};
use std::fmt::{self, Write};
use std::io;
use std::mem::MaybeUninit;

/// How many frames are told as offsets.
const OFFSETS_MAX: usize = 48;

/// How a thread tells where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// In a line, as offsets into the files that its code comes from. Async-signal-safe but for a
    /// lock of the dynamic linker.
    Offsets,
    /// With names of functions, and lines where they are known. May wait for ever.
    Names,
}

/// Tells where the calling thread is.
pub(super) fn tell(detail: Detail) {
    // There the standard library has met a stack that has overflowed. What led to it is in the
    // offsets, and the names of a million frames would take too long.
    if detail == Detail::Names && on_alternate_stack() {
        return;
    }
    let mut stderr = Stderr::default();
    let mut name = [0; 16];
    // SAFETY: the kernel writes at most 16 bytes, of which the last is zero (prctl(2)).
    unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    let name = CStr::from_bytes_until_nul(&name).unwrap_or_default().to_bytes().escape_ascii();
    let _ = write!(stderr, "thread {name} ({}):", rustix::thread::gettid());
    let _ = match detail {
        Detail::Offsets => write_offsets(&mut stderr),
        Detail::Names => write!(stderr, "\n{}", Backtrace::force_capture()),
    };
    let _ = writeln!(stderr);
}

/// Standard error, written to a line at a time, without a lock.
pub(super) struct Stderr {
    line: [u8; 512],
    length: usize,
}

impl Default for Stderr {
    fn default() -> Self {
        Self { line: [0; 512], length: 0 }
    }
}

impl Stderr {
    fn flush(&mut self) {
        let mut left = &self.line[..self.length];
        while !left.is_empty() {
            match write(io::stderr(), left) {
                Ok(written) => left = &left[written..],
                Err(Errno::EINTR) => {}
                // Nobody reads it.
                Err(_) => break,
            }
        }
        self.length = 0;
    }
}

impl Write for Stderr {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.line[self.length] = byte;
            self.length += 1;
            if byte == b'\n' || self.length == self.line.len() {
                self.flush();
            }
        }
        Ok(())
    }
}

/// Writes where the calling thread is, its innermost function first: `libc.so.6+0x1f2a4`, and
/// without a name what is of the program itself.
fn write_offsets(stderr: &mut Stderr) -> fmt::Result {
    let mut walk = Walk { stderr, frames: 0 };
    // SAFETY: `on_frame` gets the walk back, which lives until the call returns, and does not unwind.
    unsafe { _Unwind_Backtrace(on_frame, (&raw mut walk).cast()) };
    Ok(())
}

struct Walk<'a> {
    stderr: &'a mut Stderr,
    frames: usize,
}

extern "C" fn on_frame(context: *mut c_void, walk: *mut c_void) -> c_int {
    // SAFETY: it is the walk that `write_offsets` has passed, and nobody else uses it meanwhile.
    let walk = unsafe { &mut *walk.cast::<Walk<'_>>() };
    // SAFETY: the unwinder has passed the context of a frame.
    let address = unsafe { _Unwind_GetIP(context) };
    let _ = match (file_of(address), file_of(on_frame as *const () as usize)) {
        (Some((file, _)), Some((program, _))) if file == program => {
            write!(walk.stderr, " +{:#x}", address - file)
        }
        (Some((file, name)), _) => {
            write!(walk.stderr, " {}+{:#x}", name.escape_ascii(), address - file)
        }
        _ => write!(walk.stderr, " {address:#x}"),
    };
    walk.frames += 1;
    // Anything but 0 ends the walk.
    c_int::from(walk.frames == OFFSETS_MAX)
}

/// The file that has been loaded around `address`: where it begins, and the end of its path.
fn file_of(address: usize) -> Option<(usize, &'static [u8])> {
    let mut info = MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: the address is only compared, and the result goes to memory of its type.
    let found = unsafe { libc::dladdr(address as *const c_void, info.as_mut_ptr()) };
    if found == 0 {
        return None;
    }
    // SAFETY: it has been filled (dladdr(3)).
    let info = unsafe { info.assume_init() };
    // SAFETY: the path is a string that lives as long as the file is loaded, and this process
    // unloads none.
    let path = unsafe { CStr::from_ptr(info.dli_fname) }.to_bytes();
    Some((info.dli_fbase as usize, path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)))
}

fn on_alternate_stack() -> bool {
    let mut stack = MaybeUninit::<libc::stack_t>::uninit();
    // SAFETY: the call changes nothing and fills the value (sigaltstack(2)), or fails.
    unsafe {
        libc::sigaltstack(std::ptr::null(), stack.as_mut_ptr()) == 0
            && stack.assume_init().ss_flags & libc::SS_ONSTACK != 0
    }
}

// The unwinder of the standard library (Itanium C++ ABI: Exception Handling, 1.3).
unsafe extern "C" {
    fn _Unwind_Backtrace(
        on_frame: extern "C" fn(*mut c_void, *mut c_void) -> c_int,
        argument: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(context: *mut c_void) -> usize;
}
